import type { FileItem, FileList } from "../../../../src/dashboard/packages/files.ts";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { ask } from "../../api.ts";
import { bytes, plural } from "../../format.ts";
import { Icon } from "../../parts/icon.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { Code } from "./code.tsx";
import { addressOf, asRouted, fileAddress, versionApi } from "./place.ts";

/** The files of a version, folder by folder. */
export function Files({
  details: { name, version },
  path,
}: {
  readonly details: VersionDetails;
  readonly path: string;
}) {
  const list = useResource(
    (signal) => ask<FileList>(versionApi(name, version, "/files"), { signal }),
    [name, version],
  );
  return (
    <Loaded of={list} what="Looking into the tarball">
      {({ items, cut }) => {
        const file = items.find((one) => asRouted(one.path) === path);
        const below = items.filter(
          (one) => path === "" || asRouted(one.path).startsWith(`${path}/`),
        );
        const folder = below[0]?.path.split("/").slice(0, path.split("/").length).join("/");
        return (
          <>
            <Crumbs name={name} version={version} path={file?.path ?? (path && folder) ?? path} />
            {cut && path === "" && (
              <p class="faint">The package holds more files than are listed here.</p>
            )}
            {file ? (
              <Code key={file.path} name={name} version={version} file={file} />
            ) : below.length > 0 ? (
              <Folder
                name={name}
                version={version}
                path={path === "" ? "" : (folder ?? "")}
                files={below}
              />
            ) : (
              <Empty icon="file" title="There is no such file in this version">
                <a href={addressOf(name, version, "/files")}>All files of {version}</a>
              </Empty>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

function Crumbs({
  name,
  version,
  path,
}: {
  readonly name: string;
  readonly version: string;
  readonly path: string;
}) {
  const parts = path === "" ? [] : path.split("/");
  return (
    <nav class="crumbs" aria-label="Folder">
      <ol>
        <li>
          <a href={addressOf(name, version, "/files")}>
            {name.slice(name.indexOf("/") + 1)} {version}
          </a>
        </li>
        {parts.map((part, n) => (
          <li key={n}>
            {n === parts.length - 1 ? (
              <span aria-current="page">{part}</span>
            ) : (
              <a href={fileAddress(name, version, parts.slice(0, n + 1).join("/"))}>{part}</a>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

interface Entry {
  readonly name: string;
  readonly size: number;
  /** in a folder; 0 for a file */
  readonly files: number;
}

function Folder({
  name,
  version,
  path,
  files,
}: {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  readonly files: readonly FileItem[];
}) {
  const entries = entriesOf(files, path);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  return (
    <>
      <div class="table" role="region" aria-label="Files" tabIndex={0}>
        <table class="files">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="number">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.name}>
                <th scope="row">
                  <a
                    href={fileAddress(
                      name,
                      version,
                      path === "" ? entry.name : `${path}/${entry.name}`,
                    )}
                  >
                    <Icon name={entry.files > 0 ? "folder" : "file"} />
                    {shown(entry.name)}
                    {entry.files > 0 && "/"}
                  </a>
                  {entry.files > 0 && <span class="faint">{plural(entry.files, "file")}</span>}
                </th>
                <td class="number">{bytes(entry.size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="faint">
        {plural(files.length, "file")}, {bytes(total)}
      </p>
    </>
  );
}

/** Folders first. */
function entriesOf(files: readonly FileItem[], path: string): Entry[] {
  const from = path === "" ? 0 : path.length + 1;
  const found = new Map<string, { name: string; size: number; files: number }>();
  for (const file of files) {
    const [name = "", ...rest] = file.path.slice(from).split("/");
    const entry = found.get(name) ?? { name, size: 0, files: 0 };
    entry.size += file.size;
    if (rest.length > 0) entry.files++;
    found.set(name, entry);
  }
  return [...found.values()].toSorted(
    (a, b) => Number(b.files > 0) - Number(a.files > 0) || (a.name < b.name ? -1 : 1),
  );
}

/** A name of a file may hold anything. */
export const shown = (name: string): string => name.replace(/[\p{Cc}\p{Cf}]/gu, "\u{fffd}");
