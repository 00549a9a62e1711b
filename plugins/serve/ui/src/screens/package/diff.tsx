import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type {
  Comparison,
  FileChange,
  FileDifference,
} from "../../../../src/dashboard/packages/compare.ts";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import { ask } from "../../api.ts";
import { bytes, plural } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { go } from "../../router.ts";
import { shown } from "./files.tsx";
import { apiOf } from "./place.ts";

/** files that are opened by themselves, when there are no more */
const few = 5;

/** What changed between two versions. */
export function Diff({
  overview,
  from,
  to,
}: {
  readonly overview: Overview;
  readonly from: string | undefined;
  readonly to: string | undefined;
}) {
  const { name, versions, tags } = overview;
  const newer = to ?? tags["latest"] ?? versions[0]?.version ?? "";
  const at = versions.findIndex(({ version }) => version === newer);
  const older = from ?? versions[at + 1]?.version ?? newer;
  const move = (a: string, b: string): void =>
    go(`/package/${name}/diff/${encodeURIComponent(a)}...${encodeURIComponent(b)}`);
  return (
    <>
      <h2 class="sr-only">Compare two versions</h2>
      <div class="compare">
        <Choice label="From" of={overview} value={older} onChange={(value) => move(value, newer)} />
        <Choice label="To" of={overview} value={newer} onChange={(value) => move(older, value)} />
        <button type="button" onClick={() => move(newer, older)}>
          Swap
        </button>
      </div>
      {older === newer ? (
        <Empty title="Choose two different versions" />
      ) : (
        <Changes key={`${older}...${newer}`} name={name} from={older} to={newer} />
      )}
    </>
  );
}

function Choice({
  label,
  of,
  value,
  onChange,
}: {
  readonly label: string;
  readonly of: Overview;
  readonly value: string;
  readonly onChange: (version: string) => void;
}) {
  const id = useId();
  return (
    <div>
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {of.versions.map(({ version, tags }) => (
          <option key={version} value={version}>
            {version}
            {tags.length > 0 && ` (${tags.join(", ")})`}
          </option>
        ))}
      </select>
    </div>
  );
}

interface Pair {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

const below = ({ name, from, to }: Pair, more = ""): string =>
  apiOf(name, `/compare/${encodeURIComponent(from)}/${encodeURIComponent(to)}${more}`);

export function Changes(pair: Pair) {
  const list = useResource((signal) => ask<Comparison>(below(pair), { signal }), []);
  return (
    <Loaded of={list} what="Comparing">
      {({ items, total, cut }) =>
        total === 0 ? (
          <Empty icon="check" title="The same files with the same content" />
        ) : (
          <>
            <p class="faint" role="status">
              {plural(total, "file")} differ{total === 1 && "s"}
              {items.length < total && `, the first ${items.length} are listed`}
              {cut && "; a package holds more files than were looked at"}
            </p>
            {items.map((item) => (
              <FileDiff key={item.path} pair={pair} item={item} open={items.length <= few} />
            ))}
          </>
        )
      }
    </Loaded>
  );
}

const tones = { added: "good", removed: "bad", changed: "plain" } as const;

function FileDiff({
  pair,
  item,
  open,
}: {
  readonly pair: Pair;
  readonly item: FileChange;
  readonly open: boolean;
}) {
  const wanted = useSignal(open);
  const { path, change, before, after } = item;
  return (
    <details
      class="file-diff"
      open={open}
      onToggle={(event) => {
        if (event.currentTarget.open) wanted.value = true;
      }}
    >
      <summary>
        <Icon name="right" />
        <span class="mono">{shown(path)}</span>
        <Badge tone={tones[change]}>{change}</Badge>
        <span class="faint">
          {[before, after].flatMap((size) => (size === null ? [] : bytes(size))).join(" → ")}
        </span>
      </summary>
      {wanted.value && <Difference pair={pair} path={path} />}
    </details>
  );
}

const reasons: Readonly<Record<NonNullable<FileDifference["left"]>, string>> = {
  binary: "It is no text.",
  large: "It has more than a megabyte: too much to be compared here.",
  different: "The two have too little in common to be compared in time.",
  long: "Only the first 10,000 lines are shown.",
};

function Difference({ pair, path }: { readonly pair: Pair; readonly path: string }) {
  const difference = useResource(
    (signal) =>
      ask<FileDifference>(below(pair, `/file?${new URLSearchParams({ path })}`), { signal }),
    [],
  );
  return (
    <Loaded of={difference} what="Comparing">
      {({ hunks, left }) => (
        <>
          {hunks.length > 0 && <Hunks hunks={hunks} path={path} />}
          {left !== undefined && <p class="faint">{reasons[left]}</p>}
          {hunks.length === 0 && left === undefined && (
            <p class="faint">Only its line ends differ.</p>
          )}
        </>
      )}
    </Loaded>
  );
}

const words: Readonly<Record<string, string>> = { "+": "added", "-": "removed", " ": "" };

function Hunks({
  hunks,
  path,
}: {
  readonly hunks: FileDifference["hunks"];
  readonly path: string;
}) {
  return (
    <div class="code" role="region" aria-label={`Changes of ${path}`} tabIndex={0}>
      <table class="diff">
        <thead class="sr-only">
          <tr>
            <th scope="col">Line before</th>
            <th scope="col">Line after</th>
            <th scope="col">Content</th>
          </tr>
        </thead>
        {hunks.map((hunk) => (
          <tbody key={`${hunk.before} ${hunk.after}`}>{rowsOf(hunk)}</tbody>
        ))}
      </table>
    </div>
  );
}

function rowsOf(hunk: FileDifference["hunks"][number]) {
  let { before, after } = hunk;
  return hunk.lines.map((line, n) => {
    const sign = line.charAt(0);
    if (sign === "\\") return null;
    const [old, now] = [sign === "+" ? "" : before++, sign === "-" ? "" : after++];
    return (
      <tr key={n} class={words[sign]}>
        <td>{old}</td>
        <td>{now}</td>
        <td>
          <span aria-hidden="true">{sign}</span>
          {words[sign] !== "" && <span class="sr-only">{words[sign]} </span>}
          <code>{line.slice(1)}</code>
        </td>
      </tr>
    );
  });
}
