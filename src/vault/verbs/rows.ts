import type { SecretRow } from "../../catalog/secret-rows.ts";
import { all } from "../lookup.ts";
import type { Session } from "../session.ts";

/** The current version of every secret that can be opened here, for the machine's own index. */
export async function rows(session: Session): Promise<readonly SecretRow[]> {
  const found = await session.look(({ state, contents }) => Array.fromAsync(all(state, contents)));
  return found.flatMap(({ secret, label, meta }): SecretRow[] => {
    const [first] = secret.versions;
    const current = secret.versions[secret.current - 1];
    if (!first || !current || current.state === "destroyed") return [];
    const { hash, place } = current.record;
    const expires = meta.expires?.[secret.current];
    return [
      {
        ...{ name: meta.name, scope: label.name, type: meta.type ?? "custom" },
        ...{ created: first.record.place.at, updated: place.at, record: hash },
        ...(expires !== undefined && { expires }),
        sealed: () => session.store.manifests.get(hash),
      },
    ];
  });
}
