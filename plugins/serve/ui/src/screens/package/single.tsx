import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { ask } from "../../api.ts";
import { count, plural } from "../../format.ts";
import { Time } from "../../parts/badge.tsx";
import { Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { useResource } from "../../resource.ts";
import { addressOf, apiOf } from "./place.ts";

const perPage = 50;
/** pages that the server turns to */
const mostPages = 200;
const dayLong = 86_400_000;
const periods = { 1: "24 hours", 7: "7 days", 30: "30 days" } as const;

interface Page {
  readonly items: readonly {
    readonly at: string;
    readonly version: string;
    readonly client: string;
    readonly agent: string;
  }[];
  readonly dropped: number;
}

/** Who fetched the package, download by download: for its owners and administrators. */
export function SingleDownloads({
  name,
  versions,
}: {
  readonly name: string;
  readonly versions: readonly string[];
}) {
  /** pages stand still while somebody turns them */
  const begin = () => ({ page: 0, before: new Date().toISOString() });
  const place = useSignal({ version: "", days: 7, ...begin() });
  const { version, days, page, before } = place.value;
  const downloads = useResource(
    (signal) => {
      const query = new URLSearchParams({
        ...(version !== "" && { version }),
        since: new Date(Date.parse(before) - days * dayLong).toISOString(),
        ...{ before, limit: String(perPage + 1), offset: String(page * perPage) },
      });
      return ask<Page>(apiOf(name, `/downloads/single?${query}`), { signal });
    },
    [place.value],
  );
  const turn = (to: number): void => void (place.value = { ...place.value, page: to });
  const id = useId();
  if (downloads.now.value.failure?.code === "E_NOT_FOUND")
    return <p class="faint">Single downloads are not recorded here.</p>;
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>Single downloads</h2>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <div class="field">
          <label for={`${id}-version`}>Version</label>
          <select
            id={`${id}-version`}
            value={version}
            onChange={({ currentTarget: { value } }) =>
              void (place.value = { ...place.value, ...begin(), version: value })
            }
          >
            <option value="">all</option>
            {versions.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for={`${id}-days`}>Period</label>
          <select
            id={`${id}-days`}
            value={days}
            onChange={({ currentTarget: { value } }) =>
              void (place.value = { ...place.value, ...begin(), days: Number(value) })
            }
          >
            {Object.entries(periods).map(([one, text]) => (
              <option key={one} value={one}>
                the last {text}
              </option>
            ))}
          </select>
        </div>
      </form>
      <Loaded of={downloads} what="Looking them up">
        {({ items, dropped }) => (
          <>
            {items.length === 0 ? (
              <p>Nobody fetched it in that time.</p>
            ) : (
              <Rows name={name} items={items.slice(0, perPage)} />
            )}
            {(page > 0 || items.length > perPage) && (
              <nav class="row" aria-label="Pages of downloads">
                <button type="button" disabled={page === 0} onClick={() => turn(page - 1)}>
                  Newer
                </button>
                <button
                  type="button"
                  disabled={items.length <= perPage || page === mostPages}
                  onClick={() => turn(page + 1)}
                >
                  Older
                </button>
                <span class="faint" role="status">
                  {count(page * perPage + 1)} to{" "}
                  {count(page * perPage + Math.min(items.length, perPage))}, newest first
                </span>
              </nav>
            )}
            {dropped > 0 && (
              <p class="faint">
                {plural(dropped, "download")} of all packages have no record: there were too many in
                a day.
              </p>
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}

const Rows = ({ name, items }: { readonly name: string; readonly items: Page["items"] }) => (
  <Table label="Single downloads" head={["When", "Version", "Client", "Program"]}>
    {items.map(({ at, version, client, agent }, n) => (
      <tr key={`${at} ${n}`}>
        <td class="nowrap">
          <Time at={at} />
        </td>
        <th scope="row">
          <a class="mono" href={addressOf(name, version)}>
            {version}
          </a>
        </th>
        <td>
          {/* a hash of its address: the same for the same client */}
          <code title={client}>{client === "" ? "–" : client.slice(0, 8)}</code>
        </td>
        <td>{agent === "" ? "–" : agent}</td>
      </tr>
    ))}
  </Table>
);
