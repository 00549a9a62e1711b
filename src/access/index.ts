export { createAccounts } from "./accounts.ts";
export { userKind } from "./kinds.ts";
export { anonymous, commandLine, local, may } from "./may.ts";
export { checkUserName } from "./names.ts";
export type * from "./types.ts";
