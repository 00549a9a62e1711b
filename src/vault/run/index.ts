export { openPrivateFiles, type PrivateFiles } from "./private-files.ts";
export { lendToken, registryUrl, type LentToken } from "./registry-token.ts";
export { runWith, type Ended, type Form } from "./run.ts";
export { readAll, select, type Read, type Wanted } from "./select.ts";
export { checkVariable, scrubbed, variableOf } from "./variables.ts";
