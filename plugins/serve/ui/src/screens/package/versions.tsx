import { useSignal } from "@preact/signals";
import { Fragment } from "preact";
import { useId } from "preact/hooks";
import type { Overview, VersionItem } from "../../../../src/dashboard/packages/overview.ts";
import { ask, isFailure } from "../../api.ts";
import { bytes, count, plural } from "../../format.ts";
import { Badge, Time } from "../../parts/badge.tsx";
import { Empty, sentence } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { History } from "./history.tsx";
import { addressOf, apiOf, diffAddress } from "./place.ts";
import { Tags } from "./tags.tsx";

/** rows that are shown before somebody asks for all */
const many = 100;
/** ms after the last letter before the server is asked */
const pause = 200;

/** All versions, by major, and those that a range takes. */
export function Versions({ overview }: { readonly overview: Overview }) {
  const { name, versions, removed } = overview;
  const range = useSignal("");
  const all = useSignal(false);
  const id = useId();
  const matching = useResource(
    async (signal) => {
      if (range.value.trim() === "") return undefined;
      await later(pause, signal);
      const query = new URLSearchParams({ range: range.value });
      const { items } = await ask<{ readonly items: readonly string[] }>(
        apiOf(name, `/matching?${query}`),
        { signal },
      );
      return new Set(items);
    },
    [name, range.value],
  );
  const { value: taken, failure } = matching.now.value;
  const found = taken && !failure ? versions.filter(({ version }) => taken.has(version)) : versions;
  const shown = all.value ? found : found.slice(0, many);
  return (
    <>
      <h2 class="sr-only">Versions</h2>
      <History versions={versions} />
      <div class="field range-filter">
        <label for={id}>Which versions does a range take?</label>
        <input
          id={id}
          placeholder="^1.2.0, 1.x, >=1 <3"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          value={range.value}
          onInput={(event) => (range.value = event.currentTarget.value)}
          aria-describedby={`${id}-said`}
          {...(failure && { "aria-invalid": true })}
        />
        <p class={failure ? "error" : "help"} id={`${id}-said`} role="status">
          {failure && isFailure(failure)
            ? sentence(failure.message)
            : taken
              ? `${count(found.length)} of ${plural(versions.length, "version")}`
              : plural(versions.length, "version")}
        </p>
      </div>
      {found.length === 0 ? (
        <Empty icon="search" title="No version fits">
          <p>The range is one, but no version that is published lies in it.</p>
        </Empty>
      ) : (
        <Rows name={name} versions={versions} shown={shown} />
      )}
      {shown.length < found.length && (
        <button type="button" onClick={() => (all.value = true)}>
          Show all {count(found.length)}
        </button>
      )}
      {removed.length > 0 && (
        <p class="faint">
          Unpublished, their numbers stay taken: {removed.slice(0, 50).join(", ")}
          {removed.length > 50 && " …"}
        </p>
      )}
    </>
  );
}

function Rows({
  name,
  versions,
  shown,
}: {
  readonly name: string;
  readonly versions: readonly VersionItem[];
  readonly shown: readonly VersionItem[];
}) {
  const before = new Map(versions.map(({ version }, n) => [version, versions[n + 1]?.version]));
  const majors = [...Map.groupBy(shown, ({ version }) => version.split(".", 1)[0] ?? "")];
  return (
    <div class="table" role="region" aria-label="Versions" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Published</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">
              <span class="sr-only">Compare</span>
            </th>
          </tr>
        </thead>
        {majors.map(([major, items]) => (
          <tbody key={major}>
            <tr class="group">
              <th scope="rowgroup" colSpan={4}>
                {major}.x
              </th>
            </tr>
            {items.map((item) => (
              <Row key={item.version} name={name} item={item} before={before.get(item.version)} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

const Row = ({
  name,
  item: { version, tags, deprecated, refused, time, by, size, attested },
  before,
}: {
  readonly name: string;
  readonly item: VersionItem;
  readonly before: string | undefined;
}) => (
  <tr>
    <th scope="row">
      <span class="row">
        <a class="mono" href={addressOf(name, version)}>
          {version}
        </a>
        <Tags tags={tags} />
        {attested && <Badge tone="good">provenance</Badge>}
        {deprecated !== null && (
          <Badge tone="warn" icon="warning">
            deprecated
          </Badge>
        )}
        {refused !== null && (
          <Badge tone="bad" icon="stop">
            kept back
          </Badge>
        )}
      </span>
      {deprecated !== null && deprecated !== "" && <p class="why">{deprecated}</p>}
      {refused !== null && <p class="why">{refused}</p>}
    </th>
    <td>
      {time === null ? <span class="faint">not known</span> : <Time at={time} />}
      {by !== null && <Fragment> by {by}</Fragment>}
    </td>
    <td class="number">{size === null ? "" : bytes(size)}</td>
    <td class="number">
      {before !== undefined && (
        <a
          href={diffAddress(name, before, version)}
          aria-label={`changes from ${before} to ${version}`}
        >
          changes
        </a>
      )}
    </td>
  </tr>
);

const later = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
