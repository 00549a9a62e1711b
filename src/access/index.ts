export { createAccounts } from "./accounts.ts";
export { anonymous, local, may } from "./may.ts";
export { checkUserName } from "./names.ts";
export type * from "./types.ts";
