import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { ListedPackage, PackageList } from "../../../src/dashboard/packages.ts";
import { ask } from "../api.ts";
import { Badge, Time } from "../parts/badge.tsx";
import { bytes, count, plural } from "../format.ts";
import { Icon } from "../parts/icon.tsx";
import { Marked } from "../parts/marked.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Loaded } from "../parts/state.tsx";
import { useResource } from "../resource.ts";
import { go, href, query } from "../router.ts";
import { session } from "../session.ts";
import { SetUp } from "./set-up.tsx";

const size = 50;
/** rows that one answer holds at most */
const most = 250;

/** All packages, and those that somebody looks for while they type. */
export default function PackagesScreen() {
  const text = useSignal(new URLSearchParams(query.value).get("q") ?? "");
  const shown = useSignal(size);
  /** Enter was pressed: the first one is opened as soon as it is known */
  const entered = useSignal(false);
  const list = useResource(
    async (signal) => {
      const q = text.value;
      const query = new URLSearchParams({ q, size: `${shown.value}` });
      return { q, ...(await ask<PackageList>(`/packages?${query}`, { signal })) };
    },
    [text.value, shown.value, session.value?.user],
  );
  const look = (typed: string): void => {
    text.value = typed;
    shown.value = size;
    entered.value = false;
    const q = typed === "" ? "" : `?${new URLSearchParams({ q: typed })}`;
    history.replaceState(null, "", href("/") + q);
  };
  const { value, failure } = list.now.value;
  useEffect(() => {
    // what is shown may still be the answer to fewer letters
    if (!entered.value || value?.q !== text.value) return;
    entered.value = false;
    const first = value.items[0] ?? value.alike[0];
    if (first) go(`/package/${first.name}`);
  }, [entered.value, value]);
  if (value?.all === 0 && !failure)
    return (
      <Page
        title="Packages"
        heading="Welcome to your registry"
        lead={
          session.value?.user === null
            ? "There is nothing here that everybody may see. Publish the first package, or sign in to see more."
            : "It has no packages yet. These lines let a client publish the first one."
        }
      >
        <SetUp />
      </Page>
    );
  return (
    <Page title="Packages">
      <Search
        text={text.value}
        onInput={look}
        onEnter={() => (entered.value = text.value !== "")}
      />
      <Loaded of={list} what="Loading packages">
        {(found) => (
          <>
            <p class="faint" role="status">
              {found.q === ""
                ? plural(found.total, "package")
                : `${plural(found.total, "package")} of ${count(found.all)} for “${found.q}”`}
            </p>
            <Rows items={found.items} query={found.q} />
            {shown.value >= most && found.total > most && (
              <p class="faint">These are the first {most}; a word more finds the others.</p>
            )}
            {found.items.length < found.total && shown.value < most && (
              <button
                type="button"
                onClick={() => (shown.value = Math.min(shown.value + 100, most))}
              >
                Show more
              </button>
            )}
            {found.total === 0 && found.alike.length === 0 && (
              <Empty icon="search" title="Nothing found">
                <p>No package that you may see has this in its name, keywords or description.</p>
              </Empty>
            )}
            {found.alike.length > 0 && (
              <>
                <h2>Perhaps you mean</h2>
                <Rows items={found.alike} query="" />
              </>
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Search({
  text,
  onInput,
  onEnter,
}: {
  readonly text: string;
  readonly onInput: (text: string) => void;
  readonly onEnter: () => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (text !== "") field.current?.focus();
  }, []);
  return (
    <search class="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label="Search packages"
        placeholder="Search packages"
        spellcheck={false}
        autoComplete="off"
        value={text}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && text !== "") onInput("");
          if (event.key === "ArrowDown") {
            event.preventDefault();
            document.querySelector<HTMLElement>(".packages a")?.focus();
          }
          if (event.key === "Enter") onEnter();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </search>
  );
}

/** Arrow keys go from one to the next, and from the first back to the search. */
function step(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const all = Array.from(document.querySelectorAll<HTMLElement>("input[type=search], .packages a"));
  const next = all[all.indexOf(event.target as HTMLElement) + (event.key === "ArrowDown" ? 1 : -1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

const Rows = ({
  items,
  query,
}: {
  readonly items: readonly ListedPackage[];
  readonly query: string;
}) => (
  <ul class="packages" onKeyDown={step}>
    {items.map((item) => (
      <li key={item.name}>
        <a href={href(`/package/${item.name}`)}>
          <Marked text={item.name} query={query} />
        </a>
        <span class="version">{item.version}</span>
        {item.deprecated !== null && (
          <Badge tone="warn" icon="warning">
            deprecated
          </Badge>
        )}
        {item.description !== "" && (
          <p>
            <Marked text={item.description} query={query} />
          </p>
        )}
        <p class="faint facts">
          <span>
            <Time at={item.modified} /> by {item.publisher}
          </span>
          <span>{plural(item.versions, "version")}</span>
          <span>{bytes(item.size)}</span>
          {item.license !== null && <span>{item.license}</span>}
        </p>
      </li>
    ))}
  </ul>
);
