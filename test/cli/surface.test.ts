import { expect, test } from "vitest";
import { commands } from "./cli.ts";

// A change of this snapshot is a change of the public contract: it belongs in CHANGELOG.md.
test("G1: the command surface is what it was", () => {
  const surface = commands.map(({ id, args, flags }) => {
    const words = Object.values(args).map(({ name, required }) => (required ? name : `[${name}]`));
    const options = Object.values(flags).map(({ name, char, type }) => {
      const letter = char ? `-${char}|` : "";
      return `${letter}--${name}${type === "option" ? "=" : ""}`;
    });
    return [id, ...words, ...options.sort()].join(" ");
  });
  expect(surface.join("\n")).toMatchSnapshot();
});

test("25: one letter means one thing in every command", () => {
  const letters = new Map<string, Set<string>>();
  for (const { flags } of commands)
    for (const { char, name } of Object.values(flags))
      if (char) letters.set(char, (letters.get(char) ?? new Set()).add(name));
  const standard: Readonly<Record<string, readonly string[]>> = {
    q: ["quiet"],
    n: ["dry-run"],
    o: ["output"],
    f: ["force", "file", "follow"], // features name -f FILE for publishing, -f for following
    h: ["help"],
  };
  for (const [letter, names] of letters)
    expect(standard[letter] ?? [...names].slice(0, 1), `-${letter}`).toEqual(
      expect.arrayContaining([...names]),
    );
});
