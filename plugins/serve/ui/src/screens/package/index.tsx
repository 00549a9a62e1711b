import "./style.css";
import { useEffect, useRef } from "preact/hooks";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { ask } from "../../api.ts";
import { Badge } from "../../parts/badge.tsx";
import { Tags } from "./tags.tsx";
import { copyText } from "../../parts/copy.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Failed, Loaded, Wait } from "../../parts/state.tsx";
import { useShortcuts } from "../../keys.ts";
import { useResource, type Loading } from "../../resource.ts";
import { go, href } from "../../router.ts";
import type { ScreenProps } from "../../screens.ts";
import { session } from "../../session.ts";
import { Access, ownsIt } from "./access.tsx";
import { Dependencies, Dependents } from "./needs.tsx";
import { Diff } from "./diff.tsx";
import { Downloads } from "./downloads.tsx";
import { Files } from "./files.tsx";
import { client, installLine } from "./install.tsx";
import { Notices } from "./notices.tsx";
import { addressOf, apiOf, placeOf, versionApi, type Place, type Tab } from "./place.ts";
import { Readme } from "./readme.tsx";
import { Versions } from "./versions.tsx";

/** Everything about one package. */
export default function PackageScreen({ params }: ScreenProps) {
  const { name = "", rest = "" } = params;
  const place = placeOf(rest);
  const user = session.value?.user;
  const overview = useResource((signal) => ask<Overview>(apiOf(name), { signal }), [name, user]);
  const wanted = place?.version ?? "latest";
  const details = useResource(
    (signal) => ask<VersionDetails>(versionApi(name, wanted), { signal }),
    [name, wanted, user],
  );
  const { value, failure } = overview.now.value;
  if (!place)
    return (
      <Page title={name}>
        <Empty title="There is nothing here">
          <a href={addressOf(name, undefined)}>To the package</a>
        </Empty>
      </Page>
    );
  if (!value || value.name !== name)
    return (
      <Page title={name}>
        {failure ? (
          <Failed failure={failure} again={overview.reload} />
        ) : (
          <Wait what="Loading the package" />
        )}
      </Page>
    );
  return (
    <Package
      key={name}
      overview={value}
      details={details}
      place={place}
      changed={overview.reload}
    />
  );
}

interface Props {
  readonly overview: Overview;
  readonly details: Loading<VersionDetails>;
  readonly place: Place;
  /** fetches the overview again */
  readonly changed: () => void;
}

function Package({ overview, details, place, changed }: Props) {
  const { name, versions, tags } = overview;
  const { value } = details.now.value;
  const owned = ownsIt(overview);
  const version = value?.version ?? place.version ?? tags["latest"] ?? versions[0]?.version ?? "";
  const to = (below: string) => (): void =>
    go(addressOf(name, place.version, below).slice(href("/").length - 1));
  useShortcuts(
    [
      { keys: ".", does: "files of the package", run: to("/files") },
      { keys: "v", does: "versions of the package", run: () => go(`/package/${name}/versions`) },
      { keys: "d", does: "compare two versions", run: () => go(`/package/${name}/diff`) },
      {
        keys: "y",
        does: "copy the install line",
        run: () =>
          void copyText(installLine(client.value, name, version, tags), "the install line"),
      },
    ],
    [name, place.version, version],
  );
  return (
    <Page
      title={place.tab === "readme" ? `${name} ${version}` : `${name}: ${titles[place.tab]}`}
      heading={<span class="package-name">{name}</span>}
      {...(value?.name === name &&
        value.description !== "" && {
          lead: <span class="description">{value.description}</span>,
        })}
    >
      <p class="package-line">
        <strong class="mono">{version}</strong>
        <Tags tags={versions.find((one) => one.version === version)?.tags ?? []} />
        {overview.visibility === "restricted" && <Badge icon="key">restricted</Badge>}
        {overview.origin !== "here" && <Badge icon="external">from {overview.origin}</Badge>}
      </p>
      <Nav name={name} place={place} count={versions.length} owned={owned} />
      {value?.name === name && <Notices details={value} overview={overview} />}
      {place.tab === "versions" && <Versions overview={overview} />}
      {place.tab === "dependents" && <Dependents name={name} />}
      {place.tab === "access" &&
        (owned ? (
          <Access overview={overview} changed={changed} />
        ) : (
          <Empty icon="key" title="Only its owners and administrators see this" />
        ))}
      {place.tab === "downloads" && <Downloads overview={overview} />}
      {place.tab === "diff" && <Diff overview={overview} from={place.from} to={place.to} />}
      {ofVersion.has(place.tab) && (
        <Loaded of={details} what="Loading the version">
          {(found) => (
            <>
              {place.tab === "readme" && (
                <Readme key={found.version} details={found} overview={overview} />
              )}
              {place.tab === "dependencies" && <Dependencies key={found.version} details={found} />}
              {place.tab === "files" && (
                <Files key={found.version} details={found} path={place.file} />
              )}
            </>
          )}
        </Loaded>
      )}
    </Page>
  );
}

const ofVersion = new Set<Tab>(["readme", "dependencies", "files"]);
const titles: Readonly<Record<Tab, string>> = {
  readme: "README",
  versions: "versions",
  dependencies: "dependencies",
  dependents: "dependents",
  files: "files",
  diff: "compare",
  downloads: "downloads",
  access: "access",
};

function Nav({
  name,
  place,
  count,
  owned,
}: {
  readonly name: string;
  readonly place: Place;
  readonly count: number;
  /** whether whoever looks may say who owns it */
  readonly owned: boolean;
}) {
  const { version } = place;
  const tabs: readonly (readonly [tab: Tab, text: string, to: string])[] = [
    ["readme", "README", addressOf(name, version)],
    ["files", "Files", addressOf(name, version, "/files")],
    ["dependencies", "Dependencies", addressOf(name, version, "/dependencies")],
    ["dependents", "Dependents", addressOf(name, undefined, "/dependents")],
    ["versions", `Versions (${count})`, addressOf(name, undefined, "/versions")],
    ["diff", "Compare", addressOf(name, undefined, "/diff")],
    ["downloads", "Downloads", addressOf(name, undefined, "/downloads")],
    ...(owned ? [["access", "Access", addressOf(name, undefined, "/access")] as const] : []),
  ];
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    // where the window is narrow it may be out of sight
    const [current] = list.current?.querySelectorAll<HTMLElement>("[aria-current]") ?? [];
    if (!list.current || !current) return;
    const { offsetLeft: start, offsetWidth: width } = current;
    if (start + width > list.current.clientWidth) list.current.scrollLeft = start - 16;
  }, [place.tab]);
  return (
    <nav ref={list} class="sections" aria-label="Package">
      <ul>
        {tabs.map(([tab, text, to]) => (
          <li key={tab}>
            <a href={to} {...(tab === place.tab && { "aria-current": "page" })}>
              {text}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
