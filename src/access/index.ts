export { createAccounts, type AccountsOptions } from "./accounts.ts";
export { fromHtpasswd } from "./htpasswd.ts";
export { userKind } from "./kinds.ts";
export { allows, anonymous, commandLine, local, may, readOnly } from "./may.ts";
export { checkUserName } from "./names.ts";
export type * from "./state.ts";
export type * from "./types.ts";
