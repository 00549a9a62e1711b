import type { Exposed } from "../api-members.ts";
import { all } from "../lookup.ts";
import type { Session } from "../session.ts";
import type { SecretState } from "../types.ts";

/**
 * {@link MemberVerbs.exposure}: every version that was there while the member held the key of its scope, as the history
 * has it, and how often this machine handed it out to the member.
 */
export async function exposure(
  { history, use }: Pick<Session, "history" | "use">,
  kid: string,
): Promise<Exposed[]> {
  const held = new Set<string>();
  const seen = new Map<string, Set<number>>();
  const add = ({ id, versions }: SecretState): void => {
    const numbers = seen.get(id) ?? new Set();
    seen.set(id, numbers);
    for (const { state, record } of versions)
      if (state !== "destroyed") numbers.add(record.place.n);
  };
  for await (const { event, state } of history.past()) {
    const touched = new Set<string>();
    for (const { id, holders } of state.scopes.values()) {
      const holds = holders.includes(kid);
      if (holds && !held.has(id)) touched.add(id);
      if (holds) held.add(id);
      else held.delete(id);
    }
    for (const secret of state.secrets.values()) if (touched.has(secret.scope)) add(secret);
    for (const operation of "ops" in event ? event.ops : [event]) {
      const secret = operation.op === "set" ? state.secrets.get(operation.id) : undefined;
      if (secret && held.has(secret.scope)) add(secret);
    }
  }
  const { state, contents, log, identity } = await use();
  const { items } = await log.read(identity);
  const opened = (id: string, n: number): number =>
    items.filter((one) => one.by === kid && one.id === id && one.n === n).length;
  const found: Exposed[] = [];
  for await (const { secret, label, name } of all(state, contents))
    for (const n of seen.get(secret.id) ?? [])
      if (secret.versions[n - 1]?.state !== "destroyed")
        found.push({
          ...{ scope: label.name, name, version: n, current: n === secret.current },
          opened: opened(secret.id, n),
        });
  return found.sort(
    (a, b) =>
      Number(b.current) - Number(a.current) ||
      (`${a.scope}/${a.name}` < `${b.scope}/${b.name}` ? -1 : 1),
  );
}
