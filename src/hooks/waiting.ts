import type { Changes } from "../changes/changes.ts";
import type { Notices } from "../notices/notices.ts";
import { wanted } from "./deliver.ts";
import { current, type Marks } from "./progress.ts";
import { wants } from "./standard.ts";
import type { HookRecord } from "./types.ts";

/** Changes of packages and notices that a hook has not been told of yet; what is switched off or given up waits for nothing. */
export async function waitingFor(
  hook: HookRecord,
  feed: Pick<Changes, "next">,
  marks: Pick<Marks, "read">,
  notices: Pick<Notices, "newest" | "after">,
): Promise<number> {
  const mark = await marks.read(hook.id);
  const progress = mark && current(mark.progress, hook.updated);
  if (!progress || progress.disabled || hook.off) return 0;
  const about = wanted(hook);
  const { seq, noticed = 0 } = progress;
  let count = 0;
  for (let change = feed.next(seq, about); change; change = feed.next(change.seq, about)) count++;
  if (hook.type === "registry" && (await notices.newest()) > noticed)
    for await (const { type } of notices.after(noticed)) if (wants(hook, type)) count++;
  return count;
}
