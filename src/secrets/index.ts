export { SecretsCommand } from "./command.ts";
export { openSecrets, type OpenSecretsOptions } from "./open.ts";
export { readValue } from "./value.ts";
export { iso, keyArg, scopeFlag, timeOfText, versionList, versionNumber } from "./words.ts";
