import "../package/style.css";
import type { FileList } from "../../../../src/dashboard/packages/files.ts";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { ask, isFailure } from "../../api.ts";
import { bytes, plural } from "../../format.ts";
import { Time } from "../../parts/badge.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Page } from "../../parts/page.tsx";
import { Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { useResource } from "../../resource.ts";
import { base, go, href } from "../../router.ts";
import { Changes } from "../package/diff.tsx";
import { shown } from "../package/files.tsx";
import { addressOf, apiOf, versionApi } from "../package/place.ts";
import { Decide, type Staged } from "./staged.tsx";

interface Found {
  readonly item: Staged;
  readonly details: VersionDetails;
  readonly files: FileList;
  /** the version that clients get until then; undefined: there is none */
  readonly before: string | undefined;
}

async function find(id: string, signal: AbortSignal): Promise<Found> {
  const item = await ask<Staged>(`/-/stage/${id}`, { signal });
  const { packageName: name, tag } = item;
  const [details, files, overview] = await Promise.all([
    ask<VersionDetails>(versionApi(name, `staged:${id}`), { signal }),
    ask<FileList>(versionApi(name, `staged:${id}`, "/files"), { signal }),
    ask<Overview>(apiOf(name), { signal }).catch((error: unknown) => {
      if (isFailure(error) && error.status === 404) return undefined;
      throw error;
    }),
  ]);
  return { item, details, files, before: overview?.tags[tag] ?? overview?.tags["latest"] };
}

/** What somebody has to see before they publish it. */
export function StagedVersion({ id }: { readonly id: string }) {
  const found = useResource((signal) => find(id, signal), [id]);
  const { value } = found.now.value;
  const back = (): void => go("/policy");
  const title = value ? `${value.item.packageName}@${value.item.version}` : "A staged version";
  return (
    <Page
      title={title}
      {...(value && {
        lead: (
          <>
            Waits for approval. Sent by {value.item.actor} ({value.item.actorType}),{" "}
            <Time at={value.item.createdAt} />.
          </>
        ),
        actions: <Decide item={value.item} decided={back} />,
      })}
    >
      <p>
        <a href={href("/policy")}>All that wait</a>
      </p>
      <Loaded of={found} what="Looking into the tarball">
        {(all) => <Content {...all} />}
      </Loaded>
    </Page>
  );
}

function Content({ item, details, files, before }: Found) {
  const { packageName: name, id, tag } = item;
  const { facts, license } = details;
  const spec = `staged:${id}`;
  return (
    <>
      {facts.installScripts.length > 0 && (
        <div class="notice bad">
          <Icon name="stop" />
          <div>
            <p>
              <strong>It runs scripts when it is installed:</strong>
            </p>
            {facts.installScripts.map((script) => (
              <p key={script.name}>
                {script.name}: <code>{script.command}</code>
              </p>
            ))}
          </div>
        </div>
      )}
      <p>
        Tag <code>{tag}</code>, {plural(files.items.length, "file")}
        {facts.size !== null && `, ${bytes(facts.size)} packed`}, licence {license ?? "not named"}.
      </p>
      <h2>Changes</h2>
      {before === undefined ? (
        <p>It is the first version of this package.</p>
      ) : (
        <>
          <p>
            Compared with <a href={addressOf(name, before)}>{before}</a>, which clients get now.
          </p>
          <Changes name={name} from={before} to={spec} />
        </>
      )}
      <h2>Files</h2>
      <Table label="Files" head={["Name", "#Size"]}>
        {files.items.map(({ path, size }) => (
          <tr key={path}>
            <th scope="row">
              <a
                class="mono"
                href={`${base}/raw/${encodeURIComponent(name)}/${spec}?${new URLSearchParams({ path })}`}
              >
                {shown(path)}
              </a>
            </th>
            <td class="number">{bytes(size)}</td>
          </tr>
        ))}
      </Table>
      {files.cut && <p class="faint">It holds more files than are listed here.</p>}
    </>
  );
}
