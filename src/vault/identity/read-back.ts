// A process of its own that prints what a keychain holds: see `whyNoKeychain`.
import type { Keychain } from "./keychain.ts";

const [module = "", account = ""] = process.argv.slice(2);
const { open } = (await import(module)) as { open(): Promise<Keychain> };
process.stdout.write((await (await open()).get(account)) ?? "");
