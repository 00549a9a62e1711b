import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { FileItem } from "../../../../src/dashboard/packages/files.ts";
import { bytes, plural } from "../../format.ts";
import { Copy } from "../../parts/copy.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { useResource, type Loading } from "../../resource.ts";
import { base } from "../../router.ts";

/** bytes of a text, and lines, that are put on the page at once */
const largest = 2 ** 20;
const many = 5000;
const images = /\.(?:png|jpe?g|gif|webp|avif|ico|svg)$/i;

interface Props {
  readonly name: string;
  readonly version: string;
  readonly file: FileItem;
}

/** One file: its lines, each with an address; or the picture that it is. */
export function Code({ name, version, file }: Props) {
  const { path, size } = file;
  const raw = `${base}/raw/${name}/${encodeURIComponent(version)}?${new URLSearchParams({ path })}`;
  const picture = images.test(path);
  const text: Loading<string | undefined> = useResource(
    (signal) => (picture || size > largest ? Promise.resolve("") : textAt(raw, signal)),
    [raw],
  );
  const lines = text.now.value.value?.replace(/\n$/, "").split("\n") ?? [];
  return (
    <section aria-label={path}>
      <div class="file-head">
        <span class="faint">
          {!picture && size <= largest && text.now.value.value !== undefined
            ? `${plural(lines.length, "line")}, ${bytes(size)}`
            : bytes(size)}
        </span>
        <span class="actions">
          {text.now.value.value && <Copy text={text.now.value.value} what="the file" />}
          <a class="button" href={raw} target="_blank" rel="noopener">
            Raw
          </a>
        </span>
      </div>
      {picture ? (
        <div class="card picture">
          <img src={raw} alt={path} />
        </div>
      ) : size > largest ? (
        <Empty icon="file" title="This file is too large to be shown">
          <p>It has {bytes(size)}. The raw view shows files of up to 8 MB.</p>
        </Empty>
      ) : (
        <Loaded of={text} what="Reading the file">
          {(found) =>
            found === undefined ? (
              <Empty icon="file" title="This file is no text" />
            ) : (
              <Lines lines={lines} />
            )
          }
        </Loaded>
      )}
    </section>
  );
}

/** Undefined for what is no text. @throws Failure */
async function textAt(address: string, signal: AbortSignal): Promise<string | undefined> {
  const response = await fetch(address, { signal });
  const type = response.headers.get("content-type") ?? "";
  if (response.ok) return type.startsWith("text/plain") ? response.text() : undefined;
  const { error, ...rest } = (await response.json()) as { readonly error: string };
  throw { ...rest, message: error };
}

/** `#L10`, `#L10-L20`: numbers from 1, both included. */
function rangeIn(hash: string): readonly [from: number, to: number] | undefined {
  const [, from, to = from] = /^#L(\d{1,7})(?:-L(\d{1,7}))?$/.exec(hash) ?? [];
  if (from === undefined) return undefined;
  const both = [Number(from), Number(to)].toSorted((a, b) => a - b);
  return [both[0] ?? 0, both[1] ?? 0];
}

function Lines({ lines }: { readonly lines: readonly string[] }) {
  const hash = useSignal(location.hash);
  const all = useSignal(false);
  const range = rangeIn(hash.value);
  useEffect(() => {
    const moved = (): void => void (hash.value = location.hash);
    addEventListener("hashchange", moved);
    if (range) document.getElementById(`L${range[0]}`)?.scrollIntoView({ block: "center" });
    return () => removeEventListener("hashchange", moved);
  }, []);
  const most = all.value || (range?.[1] ?? 0) > many ? lines.length : many;
  /** One line; with the shift key, all lines from the one that is marked. The focus stays, as it would not by following the link. */
  const mark = (event: MouseEvent, line: number): void => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [from, to] = [range?.[0] ?? line, line].toSorted((a, b) => a - b);
    const lines = event.shiftKey && from !== to ? `#L${from}-L${to}` : `#L${line}`;
    history.replaceState(null, "", lines);
    hash.value = location.hash;
  };
  /** The numbers are one stop of the Tab key; arrow keys go from one to the next. */
  const step = (event: KeyboardEvent): void => {
    const line = (event.target as HTMLElement).parentElement;
    const to =
      event.key === "ArrowDown"
        ? line?.nextElementSibling
        : event.key === "ArrowUp" && line?.previousElementSibling;
    if (!(to instanceof HTMLElement)) return;
    event.preventDefault();
    to.querySelector("a")?.focus();
  };
  return (
    <>
      <div class="code" role="region" aria-label="Content" tabIndex={0}>
        <pre onKeyDown={step}>
          {lines.slice(0, most).map((line, n) => (
            <span
              key={n}
              id={`L${n + 1}`}
              class={range && n + 1 >= range[0] && n + 1 <= range[1] ? "line-of marked" : "line-of"}
            >
              <a
                href={`#L${n + 1}`}
                data-n={n + 1}
                aria-label={`Line ${n + 1}`}
                tabIndex={n + 1 === (range?.[0] ?? 1) ? 0 : -1}
                onClick={(event) => mark(event, n + 1)}
              />
              <code>{`${line}\n`}</code>
            </span>
          ))}
        </pre>
      </div>
      {most < lines.length && (
        <button type="button" onClick={() => (all.value = true)}>
          Show all {plural(lines.length, "line")}
        </button>
      )}
    </>
  );
}
