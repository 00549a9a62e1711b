import { useEffect, useRef } from "preact/hooks";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import type { ReadmeItem } from "../../../../src/dashboard/packages/readme.ts";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { ask } from "../../api.ts";
import { trusted } from "../../html.ts";
import { copyText } from "../../parts/copy.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { Facts, Trust } from "./facts.tsx";
import { Install } from "./install.tsx";
import { versionApi } from "./place.ts";

interface Props {
  readonly details: VersionDetails;
  readonly overview: Overview;
}

/** The first tab: what the author says, and what the registry knows beside it. */
export function Readme({ details, overview }: Props) {
  const { name, version } = details;
  const readme = useResource(
    (signal) =>
      ask<{ readonly readme: ReadmeItem | null }>(versionApi(name, version, "/readme"), { signal }),
    [name, version],
  );
  const listed = overview.versions.find((one) => one.version === version);
  const headings = readme.now.value.value?.readme?.headings ?? [];
  return (
    <div class="beside">
      <aside aria-label="Facts">
        <Install name={name} version={version} tags={overview.tags} />
        <div class="later">
          <Facts details={details} published={listed?.time ?? details.time} />
          <Trust details={details} />
          {headings.length > 2 && <Outline headings={headings} />}
        </div>
      </aside>
      <section aria-labelledby="readme" class="card readme">
        <h2 id="readme" class="sr-only">
          README
        </h2>
        <Loaded of={readme} what="Loading the README">
          {({ readme: found }) =>
            found ? (
              <Text readme={found} />
            ) : (
              <Empty icon="file" title="This version has no README">
                <p>
                  A file <code>README.md</code> beside its package.json would stand here.
                </p>
              </Empty>
            )
          }
        </Loaded>
      </section>
    </div>
  );
}

const Outline = ({ headings }: { readonly headings: ReadmeItem["headings"] }) => (
  <nav class="card side outline" aria-labelledby="outline">
    <h2 id="outline">On this page</h2>
    <ul>
      {headings
        .filter(({ level }) => level < 5)
        .map(({ id, text, level }) => (
          <li key={id} class={level > 3 ? "deeper" : ""}>
            <a href={`#${id}`}>{text}</a>
          </li>
        ))}
    </ul>
  </nav>
);

function Text({ readme }: { readonly readme: ReadmeItem }) {
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!body.current) return;
    addAnchors(body.current);
    addCopying(body.current);
    scrollTables(body.current);
    for (const box of body.current.querySelectorAll<HTMLInputElement>("input"))
      box.ariaLabel = box.checked ? "done" : "not done";
    if (location.hash.length > 1) document.getElementById(decodeHash())?.scrollIntoView();
  }, [readme.html]);
  return (
    <>
      {readme.cut && <p class="faint">Only the first MiB of it is shown.</p>}
      {readme.from === "text" && readme.file.endsWith(".md") && (
        <p class="faint">It is shown as it is written: to format it takes too long.</p>
      )}
      <div ref={body} class="prose" dangerouslySetInnerHTML={trusted(readme.html)} />
    </>
  );
}

function decodeHash(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** Each heading gets a link to itself. */
function addAnchors(body: HTMLElement): void {
  for (const heading of body.querySelectorAll("h3[id], h4[id], h5[id], h6[id]")) {
    const link = document.createElement("a");
    link.className = "anchor";
    link.href = `#${heading.id}`;
    link.ariaLabel = `Link to the section ${heading.textContent}`;
    link.textContent = "#";
    heading.append(link);
  }
}

/** Each block of code gets a button that copies it. */
function addCopying(body: HTMLElement): void {
  for (const pre of body.querySelectorAll("pre")) {
    const text = pre.textContent;
    const around = document.createElement("div");
    around.className = "code-block";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.ariaLabel = "Copy the code";
    button.addEventListener("click", () => void copyText(text.replace(/\n$/, ""), "the code"));
    pre.tabIndex = 0;
    pre.replaceWith(around);
    around.append(pre, button);
  }
}

/** Wide tables scroll in themselves. */
function scrollTables(body: HTMLElement): void {
  for (const table of body.querySelectorAll("table")) {
    const around = document.createElement("div");
    around.className = "table";
    around.tabIndex = 0;
    around.role = "region";
    around.ariaLabel = "Table";
    table.replaceWith(around);
    around.append(table);
  }
}
