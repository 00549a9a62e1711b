import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { isObject } from "@citadel/core/registry";
import type { Level } from "@citadel/core/compare";

const execute = promisify(execFile);
/** commits that are read */
const mostCommits = 1000;

/** What people said of their changes: a level, and where. */
export interface Said {
  readonly level: Level;
  readonly where: string;
}

/**
 * Commit messages since the tag of a version, as conventional commits say: `feat:` minor, `!` or `BREAKING CHANGE` major. None
 * where there is no git, no repository or no such tag.
 */
export async function saidInCommits(
  folder: string,
  name: string,
  version: string,
): Promise<Said[]> {
  for (const tag of [`${name}@${version}`, `v${version}`, version]) {
    const args = [
      "log",
      `--max-count=${mostCommits}`,
      "--format=%h%x09%B%x00",
      `refs/tags/${tag}..HEAD`,
    ];
    const log = await execute("git", [...args, "--", "."], {
      cwd: folder,
      timeout: 10_000,
      maxBuffer: 64 * 2 ** 20,
    }).catch(() => undefined);
    if (!log) continue;
    return log.stdout.split("\0").flatMap((text) => {
      const [id = "", message = ""] = text.trim().split(/\t([\s\S]*)/);
      const level = levelOf(message);
      return level === undefined ? [] : [{ level, where: `commit ${id}` }];
    });
  }
  return [];
}

function levelOf(message: string): Level | undefined {
  const [, type, loud] = /^(\w+)(?:\([^)]*\))?(!)?:/.exec(message) ?? [];
  if (loud || /^BREAKING[ -]CHANGE:/m.test(message)) return "major";
  return type === "feat" ? "minor" : type === "fix" || type === "perf" ? "patch" : undefined;
}

/** Changesets that name the package, in the folder or in the workspace around it. */
export async function saidInChangesets(folder: string, name: string): Promise<Said[]> {
  for (let at = folder; ; at = dirname(at)) {
    const place = join(at, ".changeset");
    const files = await readdir(place).catch(() => undefined);
    if (!files) {
      if (at === dirname(at)) return [];
      continue;
    }
    const said: Said[] = [];
    for (const file of files.filter((one) => one.endsWith(".md") && one !== "README.md")) {
      const level = await changesetLevel(join(place, file), name);
      if (level !== undefined) said.push({ level, where: `.changeset/${file}` });
    }
    return said;
  }
}

async function changesetLevel(path: string, name: string): Promise<Level | undefined> {
  const [, head] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(await readFile(path, "utf8")) ?? [];
  if (head === undefined) return undefined;
  const { parse } = await import("yaml");
  let fields: unknown;
  try {
    fields = parse(head);
  } catch {
    return undefined; // not a changeset
  }
  const level = isObject(fields as never) ? (fields as Record<string, unknown>)[name] : undefined;
  return level === "major" || level === "minor" || level === "patch" ? level : undefined;
}
