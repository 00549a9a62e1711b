import type { DrawnGraph, DrawnNode } from "@citadel/core/graph";
import { iso } from "@citadel/core/secrets";
import type { VersionInfo } from "@citadel/core/vault";

/** The versions of a secret in a picture: no value, and of whoever wrote them the beginning of the key id. */
export function graphOf(
  { scope, name, items }: { scope: string; name: string; items: readonly VersionInfo[] },
  now: number,
): DrawnGraph {
  const versions = items.toSorted((a, b) => a.version - b.version);
  const current = versions.find(({ labels }) => labels.includes("current"))?.version;
  const count = versions.length === 1 ? "1 version" : `${versions.length} versions`;
  return {
    title: `${scope}/${name}`,
    summary: `current ${current === undefined ? "none" : `v${current}`}, ${count}`,
    nodes: versions.map((version) => nodeOf(version, now)),
    links: versions.slice(1).map(({ version, from }) => ({
      source: `v${from ?? version - 1}`,
      target: `v${version}`,
      type: from === undefined ? "set" : "rollback",
    })),
  };
}

const day = 86_400_000;

function nodeOf(
  { version, state, labels, at, by, from, expires }: VersionInfo,
  now: number,
): DrawnNode {
  const gone = state === "deleted" || state === "destroyed";
  const status = gone
    ? "removed"
    : labels.includes("current")
      ? "current"
      : labels.includes("pending")
        ? "ahead"
        : labels.length > 0
          ? "rollback"
          : "archived";
  const left = expires === undefined ? 0 : Math.ceil((expires - now) / day);
  return {
    ...{ id: `v${version}`, status, said: state, tags: labels, date: iso(at) },
    author: by.slice(0, 8),
    remarks: [
      ...(from === undefined ? [] : [`value of v${from}`]),
      ...(left > 0 && !gone ? [left === 1 ? "1 day left" : `${left} days left`] : []),
    ],
    line: "",
  };
}
