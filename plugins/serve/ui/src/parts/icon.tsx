/** Outlines of 24 by 24, drawn with the colour of the text beside them. */
const shapes = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14m5 12 4.5 4.5",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6 6 18",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2m0 16v2M2 12h2m16 0h2M4.9 4.9l1.4 1.4m11.4 11.4 1.4 1.4m0-14.2-1.4 1.4M6.3 17.7l-1.4 1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.2 9.3a2.9 2.9 0 1 1 4.3 2.6c-1 .6-1.5 1.1-1.5 2.1m0 3v.2",
  warning: "M12 4 2.5 20h19zM12 10v4.5m0 2.7v.2",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 7.5v5.5m0 3v.2",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18m0 8v5m0-8.2V7.6",
  package: "m12 3 8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4.5 20a7.5 7.5 0 0 1 15 0",
  right: "m9 5 7 7-7 7",
  down: "m5 9 7 7 7-7",
  pause: "M8 5v14m8-14v14",
  play: "M7 4.5v15l12-7.5z",
  undo: "M8 6 4 10l4 4M4 10h10a5.5 5.5 0 0 1 0 11h-3",
  download: "M12 4v11m-5-4.5 5 5 5-5M4 20h16",
  external: "M14 4h6v6m0-6-9 9M18 14v6H4V6h6",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  key: "M15 4a5 5 0 1 0 0 10 5 5 0 0 0 0-10M11.5 12.5 4 20m3-3 3 3",
  terminal: "m5 7 5 5-5 5m7 0h7",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  folder: "M3 6h6l2 2.5h10V19H3z",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
} as const;

export type IconName = keyof typeof shapes;

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={shapes[name]} />
  </svg>
);

export const Logo = () => (
  <svg class="logo" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M3 3h4v3h3V3h4v3h3V3h4v8l-2 2v8h-5v-5a2 2 0 0 0-4 0v5H5v-8l-2-2z" />
  </svg>
);
