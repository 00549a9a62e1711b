import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { runInNewContext } from "node:vm";
import { CitadelError } from "../../errors.ts";
import { variableOf } from "../run/variables.ts";
import { sealAge } from "./age.ts";
import { checked, invalid, textOf, type Item } from "./item.ts";
import {
  isMap,
  leavesOf,
  nested,
  readTree,
  yamlOf,
  type Leaf,
  type Node,
  type Tree,
} from "./tree.ts";

// https://github.com/getsops/sops, README "Encryption Protocol" and "Message Authentication Code"

export type SopsKind = "yaml" | "json" | "env";

const rules = [
  ...["unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex"],
] as const;

interface Metadata {
  /** age files that hold the key of the values */
  readonly keys: readonly string[];
  readonly rule: readonly [name: string, value: string];
  readonly lastmodified: string;
  readonly mac: string;
  readonly onlyEncrypted: boolean;
}

/**
 * The values of a SOPS file, once its MAC is right.
 * @param openKey opens an armoured age file
 * @throws E_INVALID_DOCUMENT, E_INTEGRITY, E_VAULT_LOCKED
 */
export async function readSops(
  text: string,
  kind: SopsKind,
  openKey: (file: Uint8Array) => Promise<Uint8Array>,
): Promise<Item[]> {
  const { tree, metadata } = kind === "env" ? readEnv(text) : split(readTree(text));
  const key = await openAny(metadata.keys, openKey);
  const leaves = [...leavesOf(tree)];
  const sealed = whichSealed(leaves, metadata.rule);
  const hash = createHash("sha512");
  if (metadata.onlyEncrypted) hash.update(onlyEncryptedPrefix);
  const items = leaves.flatMap(({ path, name, value }, index): Item[] => {
    if (value === null) return [];
    const isSealed = sealed[index] === true;
    const plain = isSealed ? open(value, key, path) : Buffer.from(written(value));
    if (isSealed || !metadata.onlyEncrypted) hash.update(plain);
    return [{ name: name.join("/"), values: [plain] }];
  });
  const mac = openValue(metadata.mac, key, metadata.lastmodified);
  const computed = Buffer.from(hash.digest("hex").toUpperCase());
  if (mac.length !== computed.length || !timingSafeEqual(mac, computed))
    throw new CitadelError("E_INTEGRITY", "the MAC of the SOPS file is not that of its values");
  return checked(items);
}

/** A SOPS file for age recipients, with every value sealed. @throws E_USAGE */
export async function writeSops(
  items: readonly Item[],
  kind: SopsKind,
  recipients: readonly string[],
  now: Date,
): Promise<string> {
  const key = randomBytes(32);
  const named = checked(
    kind === "env" ? items.map((item) => ({ ...item, name: variableOf(item.name) })) : items,
  );
  const values = named.map((item) => [item.name, textOf(item, "SOPS")] as const);
  const tree = nested(values);
  const hash = createHash("sha512");
  const seal = (node: object, path: readonly string[]): object => {
    const sealed = Object.create(null) as Record<string, unknown>;
    for (const [name, value] of Object.entries(node) as [string, object | string][]) {
      const at = [...path, name];
      if (typeof value === "object") sealed[name] = seal(value, at);
      else {
        hash.update(value);
        sealed[name] = value === "" ? "" : sealValue(value, key, aadOf(at));
      }
    }
    return sealed;
  };
  const content = seal(tree, []);
  const lastmodified = now.toISOString().replace(/\.\d+Z$/, "Z");
  const age = await Promise.all(
    recipients.map(async (recipient) => ({
      recipient,
      enc: await sealAge(key, { recipients: [recipient] }),
    })),
  );
  const sops = {
    ...{ age, lastmodified },
    mac: sealValue(hash.digest("hex").toUpperCase(), key, lastmodified),
    // without a rule of its own, names that end in _unencrypted would not be sealed
    encrypted_regex: ".*",
    version: "3.9.0",
  };
  key.fill(0);
  if (kind === "env") return writeEnv(content, sops);
  const whole = Object.assign(content, { sops });
  return kind === "yaml" ? yamlOf(whole) : `${JSON.stringify(whole, null, "\t")}\n`;
}

/** The first bytes of a MAC that leaves out what is in the clear. */
const onlyEncryptedPrefix = createHash("sha256").update("sops").digest();

const aadOf = (path: readonly string[]): string => `${path.join(":")}:`;

const form =
  /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(?:str|int|float|bool|bytes|time|comment)\]$/;

function sealValue(text: string, key: Uint8Array, aad: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(aad));
  const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const parts = [data, iv, cipher.getAuthTag()].map((one) => one.toString("base64"));
  return `ENC[AES256_GCM,data:${parts[0]},iv:${parts[1]},tag:${parts[2]},type:str]`;
}

function openValue(text: string, key: Uint8Array, aad: string): Buffer {
  const [data, iv, tag] = (form.exec(text)?.slice(1, 4) ?? []).map((one) =>
    Buffer.from(one, "base64"),
  );
  if (!data || !iv || !tag || iv.length > 64) throw invalid("a value is not sealed as SOPS does");
  try {
    const cipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: 16 });
    cipher.setAAD(Buffer.from(aad)).setAuthTag(tag);
    return Buffer.concat([cipher.update(data), cipher.final()]);
  } catch (error) {
    throw new CitadelError("E_INTEGRITY", "a value of the SOPS file is not what was sealed there", {
      cause: error,
    });
  }
}

function open(value: Leaf, key: Uint8Array, path: readonly string[]): Buffer {
  if (value === "") return Buffer.alloc(0);
  if (typeof value !== "string") throw invalid(`${path.join("/")} is not sealed, but has to be`);
  return openValue(value, key, aadOf(path));
}

/** A value in the clear as the MAC counts it. */
const written = (value: Leaf): string =>
  typeof value === "boolean" ? (value ? "True" : "False") : String(value);

async function openAny(
  keys: readonly string[],
  openKey: (file: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  let failure: unknown;
  for (const file of keys)
    try {
      const key = await openKey(Buffer.from(file));
      if (key.byteLength === 32) return key;
    } catch (error) {
      failure ??= error;
    }
  throw failure ?? invalid("the SOPS file has no key for age");
}

/** Which values are sealed, by the rule of the file for the names above them. */
function whichSealed(
  leaves: readonly { readonly path: readonly string[] }[],
  [rule, value]: Metadata["rule"],
): boolean[] {
  const names = [...new Set(leaves.flatMap(({ path }) => path))];
  const hits = new Set(
    rule.endsWith("suffix") ? names.filter((name) => name.endsWith(value)) : matching(names, value),
  );
  const hidden = rule.startsWith("encrypted");
  return leaves.map(({ path }) => path.some((name) => hits.has(name)) === hidden);
}

/** Names that an expression of the file matches. It is foreign, so it gets little time. */
function matching(names: readonly string[], expression: string): string[] {
  const [, flags = "", source = ""] = /^(?:\(\?([is]+)\))?(.*)$/s.exec(expression) ?? [];
  try {
    const code = "JSON.stringify(names.filter((name) => new RegExp(source, flags).test(name)))";
    return JSON.parse(
      runInNewContext(code, { names, source, flags }, { timeout: 500 }),
    ) as string[];
  } catch (error) {
    throw invalid("the expression of the SOPS file cannot be used", error);
  }
}

function split(tree: Tree): { tree: Tree; metadata: Metadata } {
  const sops = tree.get("sops");
  if (!isMap(sops)) throw invalid("the file has no metadata of SOPS");
  if (
    ["key_groups", "unencrypted_comment_regex", "encrypted_comment_regex"].some((one) =>
      sops.get(one),
    )
  )
    throw invalid("the SOPS file has key groups or rules about comments, which are not understood");
  const age = sops.get("age");
  const keys = (Array.isArray(age) ? (age as readonly Node[]) : []).flatMap((one) => {
    const file = isMap(one) ? one.get("enc") : undefined;
    return typeof file === "string" ? [file] : [];
  });
  const given = rules.flatMap((name) => {
    const value = sops.get(name);
    return typeof value === "string" && value !== "" ? [[name, value] as const] : [];
  });
  if (given.length > 1) throw invalid("the SOPS file has several rules for what is sealed");
  const [lastmodified, mac] = [sops.get("lastmodified"), sops.get("mac")];
  if (typeof lastmodified !== "string" || typeof mac !== "string")
    throw invalid("the SOPS file has no MAC");
  const only = sops.get("mac_only_encrypted");
  return {
    tree: new Map([...tree].filter(([name]) => name !== "sops")),
    metadata: {
      ...{ keys, lastmodified, mac, rule: given[0] ?? ["unencrypted_suffix", "_unencrypted"] },
      onlyEncrypted: only === true || only === "true",
    },
  };
}

/** Lines of `NAME=value`, as they are, and those of the metadata, which begin with `sops_`. */
function readEnv(text: string): { tree: Tree; metadata: Metadata } {
  const tree = new Map<string, Node>();
  const sops = new Map<string, Node>();
  const age: Map<string, Node>[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    if (at < 1) throw invalid("the file has a line without =");
    const [name, value] = [line.slice(0, at), line.slice(at + 1).replaceAll("\\n", "\n")];
    const of = name.startsWith("sops_") ? sops : tree;
    const [, index, field] = /^sops_age__list_(\d{1,3})__map_(\w+)$/.exec(name) ?? [];
    if (index !== undefined && field !== undefined)
      (age[Number(index)] ??= new Map()).set(field, value);
    else if (of.has(name)) throw invalid(`the file has several values for ${name}`);
    else of.set(of === sops ? name.slice("sops_".length) : name, value);
  }
  sops.set("age", age.filter(Boolean));
  return split(new Map<string, Node>([...tree, ["sops", sops]]));
}

function writeEnv(content: object, { age, ...sops }: { age: readonly object[] } & object): string {
  const keys = age.flatMap((one, index) =>
    Object.entries(one).map(([field, value]) => [`age__list_${index}__map_${field}`, value]),
  );
  const lines = [
    ...Object.entries(content),
    ...[...keys, ...Object.entries(sops)].map(([name, value]) => [`sops_${name}`, value]),
  ] as [string, string][];
  return lines.map(([name, value]) => `${name}=${value.replaceAll("\n", "\\n")}\n`).join("");
}
