import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { withFolder, type Scratch, type Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { errorCode, CitadelError } from "@citadel/core/errors";
import {
  checkManifest,
  checkNewName,
  importPackage,
  missingFrom,
  nothingIn,
  versionsDiffer,
  type Arrival,
} from "@citadel/core/registry";
import type { ExportFormat, SealedSecrets } from "@citadel/core/transfer";
import { packageSchema } from "./format.ts";
import { openSource, type Source } from "./read.ts";
import type { ArrivingSecrets } from "./secrets.ts";
import { bytesOf, verified, type Head } from "./verify.ts";

/** packages applied at once */
const atOnce = 8;

export interface ImportOptions {
  /** checks everything, says what would be added, writes nothing @default false */
  readonly dryRun?: boolean;
  /** opens and checks secrets, which come last; "skip" leaves them out @default refuses an export with secrets */
  readonly secrets?: ((sealed: SealedSecrets) => Promise<ArrivingSecrets>) | "skip" | undefined;
  /** ends the import after the package that is being applied */
  readonly signal?: AbortSignal;
  /** hears how far it is, in bytes */
  readonly onProgress?: (at: ImportProgress) => void;
}

export interface ImportProgress {
  readonly phase: "verifying" | "storing" | "applying";
  readonly done: number;
  readonly total: number;
}

export interface Imported {
  /** absolute */
  readonly path: string;
  readonly format: ExportFormat;
  /** ISO 8601 */
  readonly exportedAt: string;
  /** new here; there already and given versions; there already with all that came */
  readonly packages: {
    readonly added: number;
    readonly changed: number;
    readonly unchanged: number;
  };
  readonly versions: { readonly added: number; readonly unchanged: number };
  readonly secrets: { readonly added: number; readonly unchanged: number };
  /** bytes of the tarballs of added versions */
  readonly bytes: number;
  readonly dryRun: boolean;
}

/**
 * Adds the packages of an export. First everything is checked, and compared with what is here: a version that is here with
 * other content, or was unpublished here, refuses the whole import. What is here never changes. Then contents are stored,
 * which nobody sees, and then each package appears at once. Where the last step is interrupted, the same import goes on.
 * @throws E_VERSION_EXISTS with `conflicts`, E_INTEGRITY, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE, E_USAGE; then nothing was added
 */
export async function importFrom(
  citadel: Citadel,
  caller: Caller,
  path: string,
  { dryRun = false, secrets, signal, onProgress }: ImportOptions = {},
  scratch: Scratch = new Set(),
): Promise<Imported> {
  return withFolder(join(citadel.dirs.cache, "tmp"), scratch, async (dir) => {
    const file = resolve(path);
    const source = await openSource(file, { dir, limit: citadel.settings.limits.tarball });
    const hear = (phase: ImportProgress["phase"], total: number) => (done: number) => {
      signal?.throwIfAborted();
      onProgress?.({ phase, done, total });
    };
    const plan = join(dir, "plan");
    const reading = hear("verifying", source.size);
    const { exportedAt, size, digest, ...head } = await verifyAll(
      citadel,
      source,
      plan,
      reading,
    ).catch((error: unknown) => {
      throw about(path, error);
    });
    const arriving = await arrivalOf(path, head.secrets, secrets);
    const compared = await compare(citadel, plan);
    const { conflicts, ...counts } = compared;
    if (conflicts.length > 0) throw versionsDiffer(conflicts);
    if (!dryRun && counts.packages.added + counts.packages.changed > 0) {
      const storing = hear("storing", source.size);
      if ((await storeAll(citadel, source, storing)) !== digest)
        throw new CitadelError("E_CONFLICT", `${path} has changed while it was read`, {
          hint: ["run it again; nothing was added"],
        });
      await applyAll(citadel, caller, plan, hear("applying", size));
    }
    if (!dryRun) await arriving?.take();
    const items = arriving?.items ?? [];
    const unchanged = items.filter(({ what }) => what === "unchanged").length;
    return {
      ...{ path: file, format: source.format, exportedAt, ...counts, dryRun },
      secrets: { added: items.length - unchanged, unchanged },
    };
  });
}

async function arrivalOf(
  path: string,
  sealed: SealedSecrets | undefined,
  open: ImportOptions["secrets"],
): Promise<ArrivingSecrets | undefined> {
  if (!sealed || open === "skip") return undefined;
  if (!open)
    throw new CitadelError("E_USAGE", `${path} holds secrets, and nothing is there to open them`, {
      hint: ["leave them out: --skip-secrets"],
    });
  return open(sealed);
}

/** What is wrong with an export, with its path. */
function about(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || code === "E_CANCELLED") return error;
  const { message, hint } = error as CitadelError;
  return new CitadelError(code, `${path}: ${message}`, { hint, cause: error });
}

/** Checks the whole export and writes what there is to add to `plan`, one package a line. */
async function verifyAll(
  citadel: Citadel,
  source: Source,
  plan: string,
  hear: (bytes: number) => void,
): Promise<Head & { size: number; digest: string }> {
  const stored = digests();
  const packages = verified(citadel, source.parts(hear), stored.add);
  const file = await open(plan, "wx", 0o600);
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await packages.next();
      if (done) return { ...value, size, digest: stored.digest() };
      const line = Buffer.from(`${JSON.stringify(value)}\n`);
      await file.writeFile(line);
      size += line.length;
    }
  } finally {
    await packages.return({ exportedAt: "" });
    await file.close();
  }
}

/** Two passes that saw the same hashes in the same order saw the same content. */
function digests(): { add(name: string): void; digest(): string } {
  const hash: Hash = createHash("sha256");
  return { add: (name) => void hash.update(`${name}\n`), digest: () => hash.digest("hex") };
}

async function* linesOf(plan: string): AsyncGenerator<Arrival, void, void> {
  const input = createReadStream(plan);
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity }))
      yield JSON.parse(line) as Arrival;
  } finally {
    input.destroy();
  }
}

async function compare(citadel: Citadel, plan: string) {
  const packages = { added: 0, changed: 0, unchanged: 0 };
  const versions = { added: 0, unchanged: 0 };
  const conflicts: string[] = [];
  let bytes = 0;
  for await (const wanted of linesOf(plan)) {
    const state = (await citadel.registry.packages.read(wanted.name))?.state;
    if (!state) checkNewName(wanted.name);
    const { event, conflicts: found } = missingFrom(state, wanted);
    conflicts.push(...found);
    packages[!state ? "added" : nothingIn(event) ? "unchanged" : "changed"]++;
    versions.added += event.versions.length;
    versions.unchanged += wanted.versions.length - event.versions.length;
    for (const [, { size }] of event.versions) bytes += size;
  }
  return { packages, versions, bytes, conflicts };
}

/** Stores what the packages will refer to; put already, it is made young again, so that no collection takes it. */
async function storeAll(
  { store }: Citadel,
  source: Source,
  hear: (bytes: number) => void,
): Promise<string> {
  const stored = digests();
  let seen: string[] = [];
  for await (const part of source.parts(hear))
    if (part.kind === "version") {
      const { readme } = part;
      const manifest = checkManifest(part.manifest);
      await using tarball = part.tarball;
      const names = await Promise.all([
        store.manifests.put(bytesOf(manifest)),
        typeof readme === "string" ? store.manifests.put(Buffer.from(readme)) : undefined,
        store.blobs.put(tarball.content, tarball),
      ]);
      seen.push(tarball.integrity, ...names.filter((name) => name !== undefined));
    } else if (part.kind === "package") {
      const { removed } = packageSchema.safeParse(part.document).data ?? { removed: [] };
      for (const { manifest } of removed) seen.push(await store.manifests.put(bytesOf(manifest)));
      seen.forEach(stored.add);
      seen = [];
    }
  return stored.digest();
}

async function applyAll(
  citadel: Citadel,
  caller: Caller,
  plan: string,
  hear: (bytes: number) => void,
): Promise<void> {
  const lines = linesOf(plan);
  let bytes = 0;

  const work = async (): Promise<void> => {
    for await (const wanted of lines) {
      await importPackage(citadel, wanted, caller);
      hear((bytes += JSON.stringify(wanted).length));
    }
  };
  const failed = (await Promise.allSettled(Array.from({ length: atOnce }, work))).find(
    (one) => one.status === "rejected",
  );
  if (!failed) return;
  const error: unknown = failed.reason;
  const code = errorCode(error);
  if (code === undefined || code === "E_CANCELLED") throw error;
  throw new CitadelError(code, `the import stopped half-way: ${(error as Error).message}`, {
    hint: ["run the same import again: it skips what has arrived"],
    cause: error,
  });
}
