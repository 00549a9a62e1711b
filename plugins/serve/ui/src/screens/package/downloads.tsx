import type { DownloadCounts } from "../../../../src/dashboard/packages/downloads.ts";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import { ask } from "../../api.ts";
import { count, plural } from "../../format.ts";
import { Figure } from "../../parts/figure.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { useResource } from "../../resource.ts";
import { ownsIt } from "./access.tsx";
import { Chart } from "./chart.tsx";
import { addressOf, apiOf } from "./place.ts";
import { SingleDownloads } from "./single.tsx";

/** How often the package was fetched from here. */
export function Downloads({ overview }: { readonly overview: Overview }) {
  const { name, versions } = overview;
  const counts = useResource(
    (signal) => ask<DownloadCounts>(apiOf(name, "/downloads"), { signal }),
    [name],
  );
  return (
    <Loaded of={counts} what="Counting">
      {(found) =>
        found.total === 0 ? (
          <Empty icon="download" title="Nobody fetched it in 90 days">
            <p>Tarballs that this registry handed out are counted, by day.</p>
          </Empty>
        ) : (
          <>
            <Counted name={name} counts={found} />
            {ownsIt(overview) && (
              <SingleDownloads name={name} versions={versions.map(({ version }) => version)} />
            )}
          </>
        )
      }
    </Loaded>
  );
}

function Counted({ name, counts }: { readonly name: string; readonly counts: DownloadCounts }) {
  const { items, total, versions } = counts;
  const sum = (days: number): number =>
    items.slice(-days).reduce((all, { downloads }) => all + downloads, 0);
  const label = `Downloads by day, ${counts.start} to ${counts.end}: ${count(total)} in all, ${count(sum(7))} in the last 7 days`;
  return (
    <>
      <h2>Downloads</h2>
      <dl class="figures">
        <Figure label="last 7 days" value={count(sum(7))} />
        <Figure label="last 30 days" value={count(sum(30))} />
        <Figure label="last 90 days" value={count(total)} />
      </dl>
      <figure class="card">
        <Chart label={label} days={items} />
      </figure>
      <details class="as-table">
        <summary>Show as a table</summary>
        <Table label="Downloads by day" head={["Day", "#Downloads"]}>
          {items.toReversed().map(({ day, downloads }) => (
            <tr key={day}>
              <th scope="row">{day}</th>
              <td class="number">{count(downloads)}</td>
            </tr>
          ))}
        </Table>
      </details>
      <h2>By version</h2>
      <Table label="Downloads by version" head={["Version", "#Downloads", "Share"]}>
        {versions.map(({ version, downloads }) => (
          <tr key={version}>
            <th scope="row">
              <a class="mono" href={addressOf(name, version)}>
                {version}
              </a>
            </th>
            <td class="number">{count(downloads)}</td>
            <td class="share">
              <meter
                min={0}
                max={total}
                value={downloads}
                aria-label={`${version}: ${Math.round((downloads / total) * 100)} %`}
              />
            </td>
          </tr>
        ))}
      </Table>
      {versions.length === 20 && (
        <p class="faint">{plural(20, "version")} with the most downloads.</p>
      )}
    </>
  );
}
