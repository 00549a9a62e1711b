import type { Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import type { Rollback } from "@citadel/core/registry";
import { buildVersionGraph } from "./graph.ts";
import { readHistory } from "@citadel/core/documents";

interface Asked {
  readonly package: string;
  readonly version?: string | undefined;
  readonly reason?: string | undefined;
  readonly deprecate?: string | undefined;
  readonly expect?: string | undefined;
  readonly undo: boolean;
  readonly dryRun: boolean;
}

/**
 * Moves `latest` back, or undoes that.
 * @throws E_USAGE, E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_NOT_FOUND when there is nothing to undo, E_CONFLICT
 */
export async function rollBack(citadel: Citadel, caller: Caller, asked: Asked): Promise<Rollback> {
  const { package: name, version, undo, dryRun } = asked;
  const { registry } = citadel;
  const history = await readHistory(citadel, name, caller);
  if (history.origin !== "here")
    throw new CitadelError(
      "E_PACKAGE_NOT_FOUND",
      `${name} is of ${history.origin}, not of this registry`,
      {
        hint: ["its tags are moved there"],
      },
    );
  if (undo) {
    if (version !== undefined)
      throw new CitadelError("E_USAGE", "--undo takes no version", {
        hint: [`leave it out: citadel version:rollback ${name} --undo`],
      });
    return registry.undoRollback(name, caller, { dryRun });
  }
  if (version === undefined) {
    const { nodes } = buildVersionGraph(history);
    const ready = nodes.filter(({ status }) => status === "rollback").map(({ id }) => id);
    throw new CitadelError("E_USAGE", "say to which version latest shall go back", {
      hint:
        ready.length === 0
          ? [`${name} has no older release`]
          : [`ready: ${ready.slice(-5).toReversed().join(", ")}`],
    });
  }
  return registry.rollback(
    name,
    {
      to: version.replace(/^v(?=\d)/, ""),
      dryRun,
      ...(asked.reason !== undefined && { reason: asked.reason }),
      ...(asked.deprecate !== undefined && { deprecate: asked.deprecate }),
      ...(asked.expect !== undefined && { expect: asked.expect }),
    },
    caller,
  );
}

/** What a move of `latest` means for those who install, a line each. */
export function explain(plan: Rollback): string[] {
  const { name, from, to, changed, undo, skipped } = plan;
  if (!changed) return [];
  return [
    `who installs ${name} without a version gets ${to} instead of ${from}`,
    ...(undo
      ? []
      : [
          `${from} stays: who asks for it by number, or by a range that ${to} does not fit, still gets it`,
        ]),
    ...(skipped.length > 0
      ? [`passed over: ${skipped.slice(-8).join(", ")}${skipped.length > 8 ? " and more" : ""}`]
      : []),
    ...(plan.reason === undefined ? [] : [`reason: ${plan.reason}`]),
    ...(plan.deprecate === undefined ? [] : [`deprecates ${from}: ${plan.deprecate}`]),
    ...(plan.undeprecated ? [`takes the deprecation of ${to} back`] : []),
    ...(plan.deprecated === undefined ? [] : [`careful, ${to} is deprecated: ${plan.deprecated}`]),
  ];
}
