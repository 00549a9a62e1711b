import { timeText, type Column, type Terminal } from "@citadel/core/terminal";
import type { FoundPackage } from "./find.ts";

export const foundColumns = (terminal: Terminal): readonly Column<FoundPackage>[] => [
  { name: "package", value: ({ name }) => name, importance: 0 },
  { name: "version", value: ({ version }) => version, importance: 0 },
  {
    name: "modified",
    value: ({ modified }) => (modified === null ? "" : timeText(terminal, Date.parse(modified))),
    importance: 3,
  },
  { name: "by", value: ({ publisher }) => publisher ?? "", importance: 4 },
  {
    name: "description",
    value: ({ description, deprecated }) =>
      deprecated === undefined ? description : `deprecated: ${deprecated}`,
    importance: 2,
  },
];
