import { useSignal } from "@preact/signals";
import type { PeoplePage } from "../../../../src/api/people.ts";
import { ask } from "../../api.ts";
import { useResource, type Loading } from "../../resource.ts";

const size = 50;

export interface Pages<T> {
  readonly page: Loading<PeoplePage<T>>;
  /** whether this is not the first page */
  readonly later: boolean;
  next(): void;
  back(): void;
}

/** A list that is read a page at a time. @param path of the list */
export function usePages<T>(path: string): Pages<T> {
  const before = useSignal<readonly string[]>([]);
  const after = before.value.at(-1);
  const page = useResource(
    (signal) =>
      ask<PeoplePage<T>>(
        `${path}?${new URLSearchParams({ limit: `${size}`, ...(after !== undefined && { after }) })}`,
        { signal },
      ),
    [after],
  );
  return {
    page,
    later: before.value.length > 0,
    next: () => {
      const next = page.now.value.value?.next;
      if (next) before.value = [...before.value, next];
    },
    back: () => void (before.value = before.value.slice(0, -1)),
  };
}
