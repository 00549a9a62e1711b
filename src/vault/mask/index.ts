export { createFinder, type Finder } from "./finder.ts";
export { fewestBytes, formsOf } from "./forms.ts";
export { createMask, type Mask, type Named } from "./mask.ts";
export { raiseShield, type Shield } from "./shield.ts";
