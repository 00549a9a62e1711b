export { isAge, openAge, readIdentities, sealAge, type Openers, type Readers } from "./age.ts";
export { readBundle, writeBundle } from "./bundle.ts";
export { collectItems } from "./collect.ts";
export { readDotenv, writeDotenv } from "./dotenv.ts";
export { checked, mostBytes as mostFileBytes, type Item } from "./item.ts";
export { readJson, writeJson } from "./json.ts";
export { readKv, writeKv } from "./kv.ts";
export { readSops, writeSops, type SopsKind } from "./sops.ts";
