import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CitadelError } from "@citadel/core";
import { commentedSettings } from "@citadel/core/commented";

/** Folders of a machine that serves, for defaults that depend on them. */
const machine = { data: "/var/lib/citadel", cache: "/var/cache/citadel", config: "/etc/citadel" };

/** What `citadel template` knows: its folder below `templates/`, but for what is made of the table of settings. */
export const templates: Readonly<Record<string, string>> = {
  config: "citadel.json5 with every setting, explained",
  "client-npm": "settings of a project for npm",
  "client-pnpm": "settings of a project for pnpm",
  "client-yarn1": "settings of a project for yarn 1",
  "client-yarn4": "settings of a project for yarn 4",
  "client-bun": "settings of a project for bun",
  "client-deno": "settings of a project for deno",
  "github-actions": "workflows that publish and install",
  systemd: "a service of systemd, shut in, and its socket",
  launchd: "a service of macOS",
  backup: "daily copies of a registry, checked, and a drill that proves one",
  nginx: "a proxy with TLS in front of two servers",
  caddy: "the same with Caddy",
  traefik: "the same with Traefik",
  docker: "a Dockerfile",
  compose: "two servers over Redis and S3 behind nginx",
  devcontainer: "a dev container with a registry beside it",
  helm: "a chart for Kubernetes",
  grafana: "a Grafana dashboard, and a scrape job and alerts for Prometheus",
};

export interface TemplateFile {
  /** relative to where the template is written */
  readonly path: string;
  readonly text: string;
}

export interface TemplateOptions {
  /** folder of all templates */
  readonly root: string;
  /** address of the registry, with a slash at the end */
  readonly registry: string;
  /** scope without `@` */
  readonly scope: string;
}

/** The files of a template. */
export async function readTemplate(
  name: string,
  { root, registry, scope }: TemplateOptions,
): Promise<TemplateFile[]> {
  if (name === "config") return [{ path: "citadel.json5", text: commentedSettings(machine) }];
  const folder = join(root, name);
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
  return Promise.all(
    paths.map(async (path) => ({
      // npm packs no .npmrc: their names begin with dot- here
      path: path.replaceAll(/(^|\/)dot-/g, "$1."),
      text: settled(await readFile(join(folder, path), "utf8"), registry, scope),
    })),
  );
}

function settled(text: string, registry: string, scope: string): string {
  const { protocol, host, hostname, pathname } = new URL(registry);
  const bare = registry.replace(/\/$/, "");
  return text
    .replaceAll("http://localhost:4873/", registry)
    .replaceAll("http://localhost:4873", bare)
    .replaceAll("//localhost:4873/", `//${host}${pathname}`)
    .replaceAll('["localhost:4873"]', JSON.stringify([host]))
    .replaceAll("scheme: http\n", `scheme: ${protocol.slice(0, -1)}\n`)
    .replaceAll("metrics_path: /", `metrics_path: ${pathname}`)
    .replaceAll('["localhost"]', JSON.stringify([hostname]))
    .replaceAll(/\bacme\b/g, scope);
}

/** Writes files below a folder. @throws E_CONFLICT, with nothing written, when one of them is there */
export async function writeTemplate(files: readonly TemplateFile[], folder: string): Promise<void> {
  for (const { path } of files)
    if (await stat(join(folder, path)).catch(() => undefined))
      throw new CitadelError("E_CONFLICT", `${join(folder, path)} is there already`, {
        hint: ["choose another folder: --out <folder>", "print it instead, without --out"],
      });
  for (const { path, text } of files) {
    const to = join(folder, path);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, text, { flag: "wx" });
  }
}
