import * as z from "zod";

const text = z.string();
const isoTime = text.meta({ format: "date-time" });
const count = z.int().min(0);
const person = z.union([text, z.looseObject({ name: text })]);

/** Body of `POST /api/v1/packages`. What is left out comes from the package.json in the tarball. */
export const newPackage = z
  .strictObject({
    name: text.meta({ example: "@acme/utils" }),
    version: text.meta({ example: "1.0.0" }),
    description: text.optional(),
    author: person.optional(),
    license: text.optional(),
    homepage: text.optional(),
    repository: z.union([text, z.looseObject({ url: text })]).optional(),
    keywords: z.array(text).optional(),
    dependencies: z.record(text, text).optional(),
    tag: text.optional().meta({ description: "latest unless it is said" }),
    access: z.enum(["public", "restricted"]).optional(),
    tarball: z.base64().meta({ description: "the .tgz, as npm pack makes it" }),
  })
  .meta({ id: "NewPackage" });

export const published = z
  .looseObject({
    ...{ name: text, version: text, integrity: text, shasum: text, uuid: z.uuid() },
    size: count.meta({ description: "bytes of the tarball" }),
    tarball: z.url(),
    repeated: z.boolean().meta({ description: "the very same publish was here already" }),
  })
  .meta({ id: "Published" });

const downloads = z
  .looseObject({ total: count, week: count, month: count })
  .meta({ id: "Downloads", description: "the last 7 and 30 days, today included" });

export const versionItem = z
  .looseObject({
    version: text,
    published: isoTime,
    by: text,
    integrity: text,
    size: count,
    deprecated: text.optional(),
    tags: z.array(text),
  })
  .meta({ id: "VersionItem" });

export const packageItem = z
  .looseObject({
    name: text,
    description: text.optional(),
    license: text.optional(),
    homepage: text.optional(),
    keywords: z.array(text),
    owners: z.array(text),
    visibility: z.enum(["public", "restricted"]),
    created: isoTime,
    tags: z.record(text, text),
    versions: z.array(versionItem).meta({ description: "newest first" }),
    downloads,
  })
  .meta({ id: "Package" });

export const versionList = z
  .looseObject({ items: z.array(versionItem) })
  .meta({ id: "VersionList" });

export const version = versionItem
  .extend({
    name: text,
    tarball: z.url(),
    downloads: count,
    manifest: z.looseObject({}).meta({ description: "as it was published" }),
  })
  .meta({ id: "Version" });

export const searchResult = z
  .looseObject({
    total: count,
    items: z.array(
      z.looseObject({
        ...{ name: text, version: text, description: text, keywords: z.array(text) },
        ...{ publisher: text, modified: isoTime, deprecated: text.optional() },
        score: z.number().min(0).max(1),
      }),
    ),
  })
  .meta({ id: "SearchResult" });

export const stats = z
  .looseObject({
    packages: count,
    versions: count,
    downloads,
    top: z
      .array(z.looseObject({ name: text, downloads: count }))
      .meta({ description: "most downloaded of the last 30 days" }),
  })
  .meta({ id: "Stats" });

export const health = z
  .looseObject({
    status: z.enum(["ok", "failing"]),
    version: text,
    uptime: z.number().meta({ description: "seconds" }),
    store: z.looseObject({ ok: z.boolean(), latency: z.number().meta({ description: "ms" }) }),
  })
  .meta({ id: "Health" });

export const credentials = z
  .strictObject({
    username: text,
    password: text,
    otp: text.optional().meta({ description: "code of the second factor" }),
  })
  .meta({ id: "Credentials" });

export const account = z
  .strictObject({ username: text, password: text, email: text.optional() })
  .meta({ id: "NewAccount" });

export const issued = z
  .looseObject({
    token: text,
    tokenType: z.literal("Bearer"),
    expiresIn: count.meta({ description: "seconds" }),
    user: text,
    issuer: text,
  })
  .meta({ id: "Issued" });

export const failure = z
  .looseObject({
    error: text.meta({ description: "one line for people" }),
    code: text.meta({ example: "E_PACKAGE_NOT_FOUND" }),
    status: count,
    retryable: z.boolean(),
    hint: z.array(text),
    requestId: text,
  })
  .meta({ id: "Error" });

export const downloadsQuery = z.object({
  version: text.max(256).optional(),
  since: z.iso.datetime().optional().meta({ description: "the last 7 days when it is missing" }),
  before: z.iso.datetime().optional().meta({ description: "neither what was then nor what is newer" }), // prettier-ignore
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  offset: z.coerce.number().int().min(0).max(10_000).default(0),
});
export const downloadList = z.object({
  items: z.array(
    z.object({
      at: z.iso.datetime(),
      version: text,
      client: text.meta({ description: "hash of the address: the same for the same client" }),
      agent: text.meta({ description: "what the client calls itself" }),
    }),
  ),
  dropped: z.number().int().meta({ description: "downloads of any package that were only counted" }), // prettier-ignore
});

export const searchQuery = z.object({
  q: text.max(512).default("").meta({ description: "words, with npm's qualifiers" }),
  limit: z.coerce.number().int().min(0).max(250).default(20),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
});
