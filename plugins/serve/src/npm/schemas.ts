import { CitadelError } from "@citadel/core";
import * as z from "zod";

const text = z.string();

/** Body of `npm publish`, protocol section 5.1; what a manifest may hold is the registry's to say. */
export const publishSchema = z.looseObject({
  _id: text.optional(),
  name: text.optional(),
  "dist-tags": z.record(text, text).default({}),
  versions: z.record(text, z.looseObject({})),
  readme: text.nullish(),
  access: z.enum(["public", "restricted"]).nullish(),
  _attachments: z.record(
    text,
    z.looseObject({ length: z.number().optional(), data: text.optional() }),
  ),
});

const person = z.union([text, z.looseObject({ name: text })]);

/** A document that comes back changed: from deprecate, star, owner and unpublish. */
export const documentSchema = z
  .looseObject({
    _id: text.optional(),
    name: text.optional(),
    versions: z
      .record(
        text,
        z.looseObject({
          deprecated: z.union([text, z.boolean()]).nullish(),
          dist: z.looseObject({ integrity: text.optional(), shasum: text.optional() }).optional(),
        }),
      )
      .optional(),
    users: z.record(text, z.unknown()).optional(),
    maintainers: z.array(person).optional(),
  })
  .refine(
    ({ versions, users, maintainers }) => versions ?? users ?? maintainers,
    "it says nothing: it has no versions, maintainers or users",
  );
export type PutDocument = z.infer<typeof documentSchema>;

export const loginSchema = z.looseObject({
  name: text,
  password: text,
  email: text.nullish(),
});

/** What `npm trust` sends; the values of claims are the core's to judge. */
export const trustSchema = z
  .array(
    z.looseObject({
      type: text,
      issuer: text.optional(),
      claims: z.record(text, z.union([text, z.array(text), z.strictObject({ file: text })])),
      permissions: z.array(text),
    }),
  )
  .min(1)
  .max(10);

const texts = z.array(text.max(300)).max(1000);

/** Body of `POST /-/npm/v1/tokens`: of npm 10 and pnpm, and of npm 11 and 12. */
export const tokenSchema = z.looseObject({
  password: text,
  readonly: z.boolean().nullish(),
  name: text.nullish(),
  description: text.nullish(),
  /** days */
  expires: z.number().int().min(1).max(3650).nullish(),
  packages: texts.nullish(),
  packages_all: z.boolean().nullish(),
  scopes: texts.nullish(),
  orgs: texts.nullish(),
  packages_and_scopes_permission: z
    .enum(["no-access", "read-only", "read-write", "read-write-stage-only"])
    .nullish(),
  orgs_permission: z.enum(["no-access", "read-only", "read-write"]).nullish(),
  cidr_whitelist: texts.nullish(),
  bypass_2fa: z.boolean().nullish(),
});
export type TokenBody = z.infer<typeof tokenSchema>;

const field = text.nullish();

/** Body of `POST /-/npm/v1/user`. */
export const profileSchema = z.looseObject({
  ...{ email: field, fullname: field, homepage: field },
  ...{ github: field, twitter: field, freenode: field },
  password: z.looseObject({ old: text, new: text }).nullish(),
  tfa: z.union([z.array(text).length(1), z.looseObject({ mode: text, password: text })]).nullish(),
});

export const versionSchema = text;
export const userSchema = z.looseObject({ user: text });
export const packageSchema = z.looseObject({ package: text });
export const memberSchema = z.looseObject({
  user: text,
  role: z.enum(["owner", "admin", "developer"]).nullish(),
});
export const teamSchema = z.looseObject({ name: text, description: text.nullish() });
export const grantSchema = z.looseObject({
  package: text,
  permissions: z.enum(["read-only", "read-write"]),
});
export const hookUpdateSchema = z.looseObject({ endpoint: text, secret: text });
/** of ours: npm changes addresses and secrets only */
export const hookSwitchSchema = z.strictObject({ enabled: z.boolean() });
export const hookSchema = hookUpdateSchema.extend({
  type: z.enum(["package", "scope", "owner", "registry"]),
  name: text,
  events: z.array(text).min(1).max(50).optional(),
  packages: z.array(text).min(1).max(50).optional(),
});
export const accessSchema = z
  .looseObject({
    access: z.enum(["public", "restricted"]).optional(),
    publish_requires_tfa: z.boolean().optional(),
    automation_token_overrides_tfa: z.boolean().optional(),
  })
  .refine(
    (body) => body.access !== undefined || body.publish_requires_tfa !== undefined,
    "it says nothing: give it access or publish_requires_tfa",
  );

/** The value in the schema's shape. @throws E_INVALID_DOCUMENT, naming the first field that is wrong */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where =
    issue && issue.path.length > 0 ? `${issue.path.map(String).join(".").slice(0, 200)}: ` : "";
  const what = issue?.message ?? "not what was expected";
  throw new CitadelError(
    "E_INVALID_DOCUMENT",
    where + (what.endsWith("received undefined") ? "is missing" : what),
  );
}
