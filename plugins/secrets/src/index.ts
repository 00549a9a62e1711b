export { openSecrets, type OpenSecretsOptions } from "./open.ts";
