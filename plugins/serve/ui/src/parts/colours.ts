/** Colours of the style sheet as a canvas takes them, by their name: `--accent`. */
export function colours(place: HTMLElement): (name: string) => string {
  const probe = document.createElement("span");
  return (name) => {
    place.append(probe);
    probe.style.color = `var(${name})`;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}
