export { colourLevel, palette, type ColourLevel, type Palette } from "./colour.ts";
export { causes, printError, type Failure } from "./error.ts";
export { factColumns, facts, showPhases, sizeText, timeText, type Fact } from "./facts.ts";
export { startProgress, type Progress } from "./progress.ts";
export { askSecret, confirm, confirmName } from "./prompt.ts";
export { readSecretFile } from "./secret.ts";
export { formatTable, type Column } from "./table.ts";
export { createTerminal, type Mode, type Terminal } from "./terminal.ts";
export { clean, coloured, columns, cut } from "./text.ts";
