import { eventsBetween } from "../changes/events.ts";
import type { PackageEvent, PackageState } from "../registry/types.ts";
import type { Ledger } from "../store/types.ts";

/** Something that npm's hooks tell of. */
export interface Happening {
  /** where it stands in the history of its package */
  readonly rev: number;
  readonly n: number;
  /** `package:publish` */
  readonly event: string;
  readonly change: Readonly<Record<string, string>>;
  /** who did it */
  readonly by: string;
  /** ms since 1970 */
  readonly time: number;
}

type Told = Pick<Happening, "event" | "change">;

/** What became of a package after revision `after`, up to `rev`, in order, as far as hooks tell of it. */
export async function happenings(
  packages: Pick<Ledger<PackageState, PackageEvent>, "history">,
  name: string,
  after: number,
  rev: number,
): Promise<readonly Happening[]> {
  const found: Happening[] = [];
  for (const { rev: at, event, who, time, before } of await eventsBetween(
    packages,
    name,
    after,
    rev,
  ))
    for (const told of toldOf(event, before)) {
      const last = found.at(-1);
      found.push({ rev: at, n: last?.rev === at ? last.n + 1 : 0, ...told, by: who.name, time });
    }
  return found;
}

/** An event of the ledger in npm's words; nothing for what only concerns who may do what. */
function toldOf(event: PackageEvent, before: PackageState | undefined): readonly Told[] {
  switch (event.type) {
    case "publish": {
      const { version, tags } = event;
      const [tag, ...more] = tags;
      const change = { version, ...(tag !== undefined && { "dist-tag": tag }) };
      return [{ event: "package:publish", change }, ...more.map((each) => tagged(each, version))];
    }
    case "tag":
      return [tagged(event.tag, event.version)];
    case "untag":
      return [{ event: "package:dist-tag-rm", change: { "dist-tag": event.tag } }];
    case "unpublish":
      return event.versions.map((version) => ({ event: "package:unpublish", change: { version } }));
    case "deprecate": {
      const kind = event.message === "" ? "package:undeprecated" : "package:deprecated";
      return event.versions.map((deprecated) => ({ event: kind, change: { deprecated } }));
    }
    case "owners": {
      const [old, now] = [new Set(before?.owners), new Set(event.owners)];
      return [
        ...[...now.difference(old)].map((maintainer) => ({
          event: "package:owner",
          change: { maintainer },
        })),
        ...[...old.difference(now)].map((maintainer) => ({
          event: "package:owner-rm",
          change: { maintainer },
        })),
      ];
    }
    case "star":
      return [
        { event: event.on ? "package:star" : "package:unstar", change: { user: event.user } },
      ];
    case "import":
      return [{ event: "package:change", change: {} }];
    default:
      return [];
  }
}

const tagged = (tag: string, version: string): Told => ({
  event: "package:dist-tag",
  change: { "dist-tag": tag, version },
});
