import compare from "semver/functions/compare-loose.js";

import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import type { Change } from "../store/types.ts";
import { changePackage, type Context } from "./context.ts";
import { checkName } from "./names.ts";
import { versionNotFound } from "./resolve.ts";
import type { PackageEvent, PackageState, Registry, Rollback, RollbackInput } from "./types.ts";

/** characters of a reason */
const longestReason = 500;

/** See {@link Registry.rollback} and {@link Registry.undoRollback}. */
export function roller(context: Context): Pick<Registry, "rollback" | "undoRollback"> {
  const { packages } = context;

  /** Decides on the newest state; when it is only asked what would be, nothing is changed. */
  const move = async (
    name: string,
    caller: Caller,
    dryRun: boolean,
    decide: (state: PackageState) => { plan: Rollback; events: readonly PackageEvent[] },
  ): Promise<Rollback> => {
    let plan: Rollback | undefined;
    await changePackage(context, name, caller, (state) => {
      const decided = decide(state);
      ({ plan } = decided);
      return dryRun ? [] : decided.events;
    });
    return plan as Rollback;
  };

  return {
    rollback: (name, input, caller) =>
      move(name, caller, input.dryRun ?? false, (state) => planOf(state, input)),

    async undoRollback(name, caller, { dryRun = false } = {}) {
      // whoever may not read it must not hear of its history
      await changePackage(context, checkName(name), caller, () => []);
      const last = await lastRollback(packages.history(name));
      if (!last)
        throw new CitadelError(
          "E_NOT_FOUND",
          `latest of ${name} was not rolled back since it moved`,
          {
            hint: [`see where it points: citadel version:graph ${name}`],
          },
        );
      const from = last.to;
      const to = last.from;
      return move(name, caller, dryRun, (state) => {
        demandLatest(state, from);
        const record = state.versions.get(to);
        if (!record) throw versionNotFound(state, to);
        const deprecated = last.message !== undefined && record.deprecated === last.message;
        return {
          plan: {
            name,
            from,
            to,
            undo: true,
            changed: true,
            undeprecated: deprecated,
            skipped: [],
          },
          events: [
            { type: "tag", tag: "latest", version: to, rollback: { from, undo: true } },
            ...(deprecated ? [{ type: "deprecate" as const, versions: [to], message: "" }] : []),
          ],
        };
      });
    },
  };
}

function planOf(
  state: PackageState,
  { to, expect, reason, deprecate }: RollbackInput,
): { plan: Rollback; events: readonly PackageEvent[] } {
  const { name, versions, tags } = state;
  const target = versions.get(to);
  if (!target) throw versionNotFound(state, to);
  const from = tags.get("latest");
  if (expect !== undefined) demandLatest(state, expect);
  if (from === undefined)
    throw new CitadelError("E_TAG_NOT_FOUND", `${name} has no tag "latest"`, {
      hint: [`set it: npm dist-tag add ${name}@${to} latest`],
    });
  if (reason !== undefined && (reason.length > longestReason || /\p{Cc}/u.test(reason)))
    throw new CitadelError(
      "E_USAGE",
      `a reason is one line of at most ${longestReason} characters`,
    );
  const plan: Rollback = {
    name,
    from,
    to,
    undo: false,
    changed: from !== to,
    ...(reason !== undefined && { reason }),
    // what was said of it before stays
    ...(deprecate !== undefined &&
      versions.get(from)?.deprecated === undefined &&
      from !== to && { deprecate }),
    ...(target.deprecated !== undefined && { deprecated: target.deprecated }),
    skipped: [...versions.keys()].filter((v) => compare(v, to) > 0 && compare(v, from) < 0),
  };
  if (from === to) return { plan, events: [] };
  if (compare(to, from) > 0)
    throw new CitadelError("E_USAGE", `${to} is newer than ${from}, to which latest points now`, {
      hint: [`move it forward: npm dist-tag add ${name}@${to} latest`],
    });
  const rollback = { from, ...(reason !== undefined && { reason }) };
  return {
    plan,
    events: [
      { type: "tag", tag: "latest", version: to, rollback },
      ...(plan.deprecate === undefined
        ? []
        : [{ type: "deprecate" as const, versions: [from], message: plan.deprecate }]),
    ],
  };
}

function demandLatest({ name, tags }: PackageState, version: string): void {
  const latest = tags.get("latest");
  if (latest !== version)
    throw new CitadelError(
      "E_CONFLICT",
      `latest of ${name} is ${latest ?? "gone"}, not ${version}`,
    );
}

interface Done {
  readonly from: string;
  readonly to: string;
  /** the deprecation that came with it */
  readonly message?: string;
}

/** The newest rollback that was not undone; undefined when somebody has said otherwise since. Whether it still counts, the tag tells. */
async function lastRollback(
  history: AsyncIterable<{ readonly changes: readonly Change<PackageEvent>[] }>,
): Promise<Done | undefined> {
  let undone = 0;
  for await (const { changes } of history)
    for (const { events } of changes.toReversed()) {
      for (const event of events.toReversed()) {
        if (event.type === "tag" && event.tag === "latest") {
          const { rollback, version } = event;
          if (!rollback) return undefined;
          if (rollback.undo) undone++;
          else if (undone > 0) undone--;
          else {
            const said = events.find((one) => one.type === "deprecate");
            return {
              from: rollback.from,
              to: version,
              ...(said && { message: said.message }),
            };
          }
        } else if (event.type === "publish" && event.tags.includes("latest")) return undefined;
      }
    }
  return undefined;
}
