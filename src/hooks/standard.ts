import { matches } from "../patterns.ts";
import { tarballUrl } from "../registry/views/parts.ts";
import type { PackageDocument } from "../registry/types.ts";
import type { Happening } from "./happenings.ts";
import type { HookRecord } from "./types.ts";

/** What a hook of the registry tells, in the form of Standard Webhooks. */
export interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What can be told of packages that are published here. */
export const packageTypes = [
  ...["package.published", "package.unpublished", "package.deprecated", "package.tag_changed"],
] as const;

/** @param base the public address, where there is one @returns undefined: nothing for hooks of the registry */
export function toldOf(
  { event, change, by }: Happening,
  { state: { name, versions } }: PackageDocument,
  base: string | undefined,
): Told | undefined {
  const { version = change["deprecated"], "dist-tag": tag } = change;
  const record = version === undefined ? undefined : versions.get(version);
  switch (event) {
    case "package:publish": {
      const { integrity, size } = record ?? {};
      const url = base === undefined ? {} : { url: tarballUrl(base, name, version ?? "") };
      const data = { name, version, ...(tag !== undefined && { tag }), integrity, size };
      return { type: "package.published", data: { ...data, actor: by, ...url } };
    }
    case "package:unpublish":
      return { type: "package.unpublished", data: { name, version, actor: by } };
    case "package:deprecated":
    case "package:undeprecated": {
      const message = event === "package:deprecated" ? (record?.deprecated ?? "") : null;
      return { type: "package.deprecated", data: { name, version, message, actor: by } };
    }
    case "package:dist-tag":
    case "package:dist-tag-rm":
      return {
        type: "package.tag_changed",
        data: { name, tag, version: version ?? null, actor: by },
      };
    default:
      return undefined;
  }
}

export const bodyOf = ({ type, data }: Told, time: number): string =>
  JSON.stringify({ type, timestamp: new Date(time).toISOString(), data });

/** Whether a hook of the registry wants to hear of events of this type. */
export const wants = ({ events = ["*"] }: HookRecord, type: string): boolean =>
  events.some((pattern) => matches(pattern, type));
