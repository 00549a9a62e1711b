import { useSignal } from "@preact/signals";
import type {
  DependencyItem,
  DependencyList,
  DependentList,
} from "../../../../src/dashboard/packages/dependencies.ts";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { ask } from "../../api.ts";
import { plural } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { useResource } from "../../resource.ts";
import { DependencyGraph } from "./graph.tsx";
import { addressOf, apiOf, versionApi } from "./place.ts";

const kinds = {
  dependencies: "Dependencies",
  peerDependencies: "Peer dependencies",
  optionalDependencies: "Optional dependencies",
  devDependencies: "Development dependencies",
} as const;

/** What a version needs, and what npm would take for it now. */
export function Dependencies({ details: { name, version } }: { readonly details: VersionDetails }) {
  const list = useResource(
    (signal) => ask<DependencyList>(versionApi(name, version, "/dependencies"), { signal }),
    [name, version],
  );
  const drawn = useSignal(false);
  return (
    <Loaded of={list} what="Looking the dependencies up">
      {({ items, total }) =>
        items.length === 0 ? (
          <Empty icon="package" title={`${version} needs no other package`} />
        ) : (
          <>
            <button
              type="button"
              aria-expanded={drawn.value}
              onClick={() => (drawn.value = !drawn.value)}
            >
              {drawn.value ? "Hide the graph" : "Show as a graph"}
            </button>
            {drawn.value && <DependencyGraph name={name} version={version} items={items} />}
            {Object.entries(kinds).map(([kind, title]) => {
              const some = items.filter((item) => item.kind === kind);
              return (
                some.length > 0 && (
                  <section key={kind} class="needs">
                    <h2>
                      {title} <span class="faint">{some.length}</span>
                    </h2>
                    <Table
                      label={title}
                      head={["Package", "Asked for", "Resolved", "Newest", "State"]}
                    >
                      {some.map((item) => (
                        <Dependency key={item.name} item={item} />
                      ))}
                    </Table>
                  </section>
                )
              );
            })}
            {total > items.length && (
              <p class="faint">{plural(total - items.length, "more")} are not shown.</p>
            )}
          </>
        )
      }
    </Loaded>
  );
}

const Dependency = ({ item }: { readonly item: DependencyItem }) => (
  <tr>
    <th scope="row">
      {item.state === "found" ? (
        <a href={addressOf(item.package, undefined)}>{item.name}</a>
      ) : (
        item.name
      )}
      {item.package !== item.name && <span class="faint"> is {item.package}</span>}
    </th>
    <td>
      <code>{item.range === "" ? "*" : item.range}</code>
    </td>
    <td class="mono">
      {item.resolved !== null && (
        <a href={addressOf(item.package, item.resolved)}>{item.resolved}</a>
      )}
    </td>
    <td class="mono">{item.latest}</td>
    <td>
      <span class="row">
        <State item={item} />
      </span>
    </td>
  </tr>
);

function State({ item }: { readonly item: DependencyItem }) {
  const { state, resolved, outdated, deprecated, advisories } = item;
  if (state === "address") return <>not from a registry</>;
  if (state === "missing") return <>not known here</>;
  if (state === "late") return <>not answered yet; look again</>;
  if (resolved === null)
    return (
      <Badge tone="bad" icon="stop">
        no version fits
      </Badge>
    );
  return (
    <>
      {advisories.length > 0 && (
        <Badge tone="bad" icon="stop">
          {plural(advisories.length, "vulnerability", "vulnerabilities")}
        </Badge>
      )}
      {deprecated && (
        <Badge tone="warn" icon="warning">
          deprecated
        </Badge>
      )}
      {outdated && <Badge tone="warn">outdated</Badge>}
      {!outdated && !deprecated && advisories.length === 0 && <>up to date</>}
    </>
  );
}

/** Packages of this registry that need this one. */
export function Dependents({ name }: { readonly name: string }) {
  const list = useResource(
    (signal) => ask<DependentList>(apiOf(name, "/dependents"), { signal }),
    [name],
  );
  return (
    <Loaded of={list} what="Looking for dependents">
      {({ items, total }) =>
        items.length === 0 ? (
          <Empty icon="package" title="No package here needs this one">
            <p>The newest version of each package that you may see was looked at.</p>
          </Empty>
        ) : (
          <>
            <h2>
              Packages that need this one <span class="faint">{total}</span>
            </h2>
            <Table label="Dependents" head={["Package", "Version", "Asks for", "As"]}>
              {items.map((item) => (
                <tr key={`${item.name} ${item.kind}`}>
                  <th scope="row">
                    <a href={addressOf(item.name, undefined)}>{item.name}</a>
                  </th>
                  <td class="mono">{item.version}</td>
                  <td>
                    <code>{item.range}</code>
                  </td>
                  <td>{kinds[item.kind].toLowerCase().replace(/ies$/, "y")}</td>
                </tr>
              ))}
            </Table>
          </>
        )
      }
    </Loaded>
  );
}
