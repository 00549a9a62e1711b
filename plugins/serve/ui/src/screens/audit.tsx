import { useSignal } from "@preact/signals";
import type { LogPage } from "../../../src/dashboard/log.ts";
import { ask, type Failure } from "../api.ts";
import { Time } from "../parts/badge.tsx";
import { Field } from "../parts/field.tsx";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Failed, Loaded } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { failureOf, useResource } from "../resource.ts";
import { base } from "../router.ts";

/** ms of silence after which what was typed counts */
const pause = 250;

interface Filter {
  readonly who: string;
  readonly package: string;
  readonly kind: string;
  readonly since: string;
}
const none: Filter = { who: "", package: "", kind: "", since: "" };
const queryOf = (filter: Filter): URLSearchParams =>
  new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ""));

/** Who changed what, when and from where. */
export default function AuditScreen() {
  const filter = useSignal(none);
  const more = useSignal<readonly LogPage[]>([]);
  const failure = useSignal<Failure | undefined>(undefined);
  const log = useResource(
    async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, filter.peek() === none ? 0 : pause));
      signal.throwIfAborted();
      more.value = [];
      failure.value = undefined;
      return ask<LogPage>(`/log?${queryOf(filter.peek())}`, { signal });
    },
    [filter.value],
  );
  const on = async (after: string): Promise<void> => {
    const query = queryOf(filter.value);
    query.set("after", after);
    try {
      const page = await ask<LogPage>(`/log?${query}`);
      more.value = [...more.value, page];
    } catch (error) {
      failure.value = failureOf(error);
    }
  };
  const set = (part: keyof Filter) => (value: string) =>
    void (filter.value = { ...filter.value, [part]: value });
  const kinds = log.now.value.value?.kinds ?? [];
  return (
    <Page
      title="Audit"
      lead="Every change, each checked against its chain of hashes, newest first."
      actions={
        <a class="button" href={`${base}/api/log.ndjson?${queryOf(filter.value)}`} download>
          <Icon name="download" />
          All as NDJSON
        </a>
      }
    >
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <Field label="Who" value={filter.value.who} onInput={set("who")} />
        <Field label="Package" value={filter.value.package} onInput={set("package")} />
        <div class="field">
          <label for="kind">Kind</label>
          <select
            id="kind"
            value={filter.value.kind}
            onChange={(event) => set("kind")(event.currentTarget.value)}
          >
            <option value="">all</option>
            {kinds.map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </div>
        <Field
          label="Since"
          placeholder="7d, 2026-03-01"
          value={filter.value.since}
          onInput={set("since")}
        />
      </form>
      <Loaded of={log} what="Reading the history">
        {(first) => {
          const pages = [first, ...more.value];
          const next = pages.at(-1)?.next ?? null;
          const damaged = pages.flatMap((page) => page.damaged);
          return (
            <>
              {damaged.length > 0 && (
                <div class="notice bad" role="alert">
                  <Icon name="stop" />
                  <p>
                    <strong>Not what was written:</strong> {damaged.join(", ")}. See{" "}
                    <code>citadel verify</code>.
                  </p>
                </div>
              )}
              {first.items.length === 0 ? (
                <Empty icon="list" title="No changes">
                  <p>Nothing in the history fits.</p>
                </Empty>
              ) : (
                <Changes pages={pages} />
              )}
              {failure.value && <Failed failure={failure.value} />}
              {next !== null && (
                <button type="button" onClick={() => void on(next)}>
                  Older changes
                </button>
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

const Changes = ({ pages }: { readonly pages: readonly LogPage[] }) => (
  <Table label="Changes" head={["When", "Who", "Of", "Change", "From", "Hash"]}>
    {pages
      .flatMap(({ items }) => items)
      .map(({ time, who, via, address, kind, name, hash, events }, n) => (
        <tr key={`${hash}-${n}`}>
          <td class="nowrap">
            <Time at={time} />
          </td>
          <td>
            {who}
            <div class="faint nowrap">via {via}</div>
          </td>
          <td>
            <span class="faint">{kind}</span>{" "}
            {/^[\w-]{40,}$/.test(name) ? `${name.slice(0, 12)}…` : name}
          </td>
          <td>
            {events.map(({ text }, at) => (
              <div key={at}>{text}</div>
            ))}
          </td>
          <td>{address ?? "–"}</td>
          <td>
            <code title={hash}>{hash.slice(0, 8)}</code>
          </td>
        </tr>
      ))}
  </Table>
);
