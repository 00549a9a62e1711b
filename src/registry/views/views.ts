import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Cache } from "../../cache/types.ts";
import { CitadelError } from "../../errors.ts";
import { logger, type Logger } from "../../log.ts";
import type { Manifests } from "../../store/types.ts";
import { revisionOf } from "../revision.ts";
import type { Form, JsonObject, PackageDocument, View, Views } from "../types.ts";
import { build, improve, type Built } from "./build.ts";
import { encoded } from "./encoded.ts";
import type { About } from "./parts.ts";
import { packed, unpacked } from "./packed.ts";
import { savings } from "./savings.ts";

export interface ViewOptions {
  readonly manifests: Manifests;
  /** most bytes to hold */
  readonly memory: number;
  /** e-mail address of a user, "" when there is none */
  readonly email: (user: string) => Promise<string>;
  /** where views outlive this process; asked for when the first one is needed */
  readonly cache?: () => Promise<ViewCache>;
}

/** What views need of a cache. Without one they are built from manifests, and are the same. */
export type ViewCache = Pick<Cache, "get" | "put" | "drop" | "touch">;

/** Part of every etag: goes up when the bytes of a view change for the same document. */
const FORMAT = 1;
export const contentTypes: Readonly<Record<Form, string>> = {
  full: "application/json",
  short: "application/vnd.npm.install-v1+json",
};

/** The finished answers to `GET /<name>`, in memory, made once per document, form and public URL. */
export function createViews({ manifests, memory, email, cache }: ViewOptions): Views {
  const kept = new LRUCache<string, Shown>({
    maxSize: memory,
    maxEntrySize: memory,
    sizeCalculation: (shown) => shown.size(),
  });
  const builds = new Map<string, Promise<Shown>>();
  const log = logger("views");
  const saving = cache && savings(cache);

  const maintainersOf = ({ state }: PackageDocument): Promise<About["maintainers"]> =>
    Promise.all(state.owners.map(async (name) => ({ name, email: await email(name) })));

  const about = async (
    document: PackageDocument,
    maintainers: About["maintainers"],
  ): Promise<About> => {
    const { state } = document;
    const latest = state.versions.get(state.tags.get("latest") ?? "");
    const [manifest, readme] = await Promise.all([
      latest ? manifests.get(latest.manifest) : undefined,
      latest?.readme ? manifests.get(latest.readme) : undefined,
    ]);
    return {
      revision: revisionOf(document),
      latest: manifest ? (JSON.parse(Buffer.from(manifest).toString("utf8")) as JsonObject) : {},
      readme: readme ? Buffer.from(readme).toString("utf8") : "",
      maintainers,
    };
  };

  const buildFrom = async (
    document: PackageDocument,
    form: Form,
    base: string,
    maintainers: About["maintainers"] | undefined,
    previous?: Built,
  ): Promise<Built> => {
    const told = maintainers && (await about(document, maintainers));
    return build(manifests, form, base, document, told, previous);
  };

  const make = async (key: string, document: PackageDocument, form: Form, base: string) => {
    const maintainers = form === "full" ? await maintainersOf(document) : undefined;
    const cacheKey = cacheKeyOf(document, form, base, maintainers);
    const before = kept.peek(key);
    // from a view in memory the next one is made faster than any cache answers
    const found = before ? undefined : await saving?.get(cacheKey);
    const saved = found && (await unpacked(found.body, form, document));
    const built =
      saved ?? (await buildFrom(document, form, base, maintainers, kept.peek(key)?.built));
    const grown = () => {
      if (kept.peek(key) === shown) kept.set(key, shown);
    };
    const shown: Shown = { ...show(built, form, base, grown, log), cacheKey };
    const other = kept.peek(key);
    if (!other || other.built.document.rev <= document.rev) kept.set(key, shown);
    if (!saved) finish(key, shown, grown, before);
    return shown;
  };

  /** What the first answer did not wait for. */
  function finish(key: string, shown: Shown, grown: () => void, before: Shown | undefined): void {
    const { built, cacheKey, etag } = shown;
    improve(built).then(
      (better) => {
        if (better) grown();
        saving?.put(key, { key: cacheKey, etag, body: () => packed(built) }, before?.cacheKey);
      },
      (error: unknown) => log("compressing again failed", { package: built.document.name, error }),
    );
  }

  return {
    peek(document, form, base) {
      const shown = kept.get(form + base + document.name);
      return shown?.built.document.tip === document.tip ? shown : undefined;
    },
    async get(document, form, base) {
      const key = form + base + document.name;
      const ready = kept.get(key);
      if (ready?.built.document.tip === document.tip) return ready;
      if (document.state.versions.size === 0)
        throw new CitadelError("E_PACKAGE_NOT_FOUND", `${document.name} has no versions`);
      const job = `${document.tip} ${key}`;
      let building = builds.get(job);
      if (!building) {
        building = make(key, document, form, base).finally(() => builds.delete(job));
        builds.set(job, building);
      }
      return building;
    },
    async gzip(document, form, base) {
      const maintainers = form === "full" ? await maintainersOf(document) : undefined;
      const built = await buildFrom(document, form, base, maintainers);
      await improve(built);
      return built.gzip;
    },
    get size() {
      return kept.calculatedSize;
    },
    async close() {
      for (const { cacheKey } of kept.values()) saving?.touch(cacheKey);
      await saving?.idle();
    },
  };
}

/**
 * Names everything that the bytes of a view are made of, so that what lies there is never stale.
 * @param maintainers undefined for a form that does not show them
 */
function cacheKeyOf(
  { name, tip }: PackageDocument,
  form: Form,
  base: string,
  maintainers: About["maintainers"] | undefined,
): string {
  const parts = JSON.stringify([FORMAT, form, base, tip, maintainers]);
  return `view/${form}/${name}/${createHash("sha256").update(parts).digest("base64url")}`;
}

interface Shown extends View {
  readonly built: Built;
  readonly cacheKey: string;
  size(): number;
}

/**
 * A view over finished bytes.
 * @param grown hears that the bytes became more or fewer
 */
function show(
  built: Built,
  form: Form,
  base: string,
  grown: () => void,
  log: Logger,
): Omit<Shown, "cacheKey"> {
  const { document } = built;
  const etag = createHash("sha256")
    .update(`${FORMAT} ${form} ${base} ${document.tip}`)
    .digest("base64url")
    .slice(0, 22);
  const bytes = encoded(built, grown, (encoding, error) =>
    log("compressing failed", { package: document.name, encoding, error }),
  );

  return {
    built,
    etag,
    modified: document.modified,
    contentType: contentTypes[form],
    size: () => built.plain.length + built.gzip.length + bytes.extra() + 1024,
    pick: bytes.pick,
  };
}
