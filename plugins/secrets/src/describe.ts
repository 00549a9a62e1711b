import { durationOf, expiryOf } from "@citadel/core/secrets";
import { CitadelError } from "@citadel/core/errors";
import { isValueType, readSchedule, valueTypes, type Description } from "@citadel/core/vault";
import { boolean, integer, string } from "@oclif/core/flags";

const never = "never";

/** Flags that say for how long versions are kept. */
export const retentionFlags = {
  "max-versions": string({
    helpValue: "<number>",
    description: "versions to keep, or never: all of them",
  }),
  "delete-after": string({
    helpValue: "<90d>",
    description: "age at which older versions go, or never",
  }),
  "cas-required": boolean({ allowNo: true, description: "set only with --cas" }),
};

/** Flags that say something of a secret. */
export const describeFlags = {
  type: string({ options: valueTypes, description: "what its values are; they are checked" }),
  expires: string({
    helpValue: "<30d|date>",
    description: "not handed out from then on, or never",
  }),
  description: string({ helpValue: "<text>", description: "what it is for" }),
  tag: string({ multiple: true, helpValue: "<word>", description: "words to find it by" }),
  canary: boolean({ allowNo: true, description: "nobody reads it: who does is reported" }),
  ...retentionFlags,
  every: string({ helpValue: "<30d>", description: "rotate it that often, or never" }),
  window: string({
    helpValue: "<02:00-04:00>",
    description: "in these hours, UTC",
    dependsOn: ["every"],
  }),
  jitter: string({
    helpValue: "<1h>",
    description: "up to so much later",
    dependsOn: ["every"],
  }),
};

/** For a password that nobody thinks up. */
export const generateFlags = {
  generate: boolean({ description: "a random password instead of a value" }),
  length: integer({ helpValue: "<32>", description: "its characters", dependsOn: ["generate"] }),
  symbols: boolean({ description: "not letters and digits only", dependsOn: ["generate"] }),
};

interface Retained {
  readonly "max-versions"?: string | undefined;
  readonly "delete-after"?: string | undefined;
  readonly "cas-required"?: boolean | undefined;
}
interface Described extends Retained {
  readonly type?: string | undefined;
  readonly expires?: string | undefined;
  readonly description?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly canary?: boolean | undefined;
  readonly every?: string | undefined;
  readonly window?: string | undefined;
  readonly jitter?: string | undefined;
}

/** What the flags say of how long versions are kept. @throws E_USAGE */
export const retentionOf = (flags: Retained) => ({
  maxVersions: orNever(flags["max-versions"], (text) => {
    const count = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;
    return count ?? wrong("--max-versions is a number such as 10");
  }),
  deleteAfter: orNever(
    flags["delete-after"],
    (text) => durationOf(text) ?? wrong("--delete-after is a duration such as 90d"),
  ),
  casRequired: flag(flags["cas-required"]),
});

/** What the flags say of a secret. @throws E_USAGE */
export function descriptionOf(flags: Described): Description {
  const { type, description, tag, every, window, jitter } = flags;
  return {
    ...retentionOf(flags),
    ...(isValueType(type) && { type }),
    expires: orNever(flags.expires, (text) => expiryOf(text, Date.now())),
    description: description === "" ? null : description,
    tags: tag && (tag.join("") === "" ? null : [...new Set(tag)].sort()),
    canary: flag(flags.canary),
    schedule: orNever(every, (text) => readSchedule(text, window, jitter)),
  };
}

const orNever = <T>(text: string | undefined, read: (text: string) => T): T | null | undefined =>
  text === undefined ? undefined : text === never ? null : read(text);

/** What is off is not written down. */
const flag = (value: boolean | undefined): true | null | undefined =>
  value === undefined ? undefined : value || null;

function wrong(what: string): never {
  throw new CitadelError("E_USAGE", what);
}
