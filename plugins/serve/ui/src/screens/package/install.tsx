import { signal } from "@preact/signals";
import { recall, remember } from "../../memory.ts";
import { Copy } from "../../parts/copy.tsx";
import { session } from "../../session.ts";

const clients = ["npm", "pnpm", "yarn", "bun", "deno"] as const;
export type Client = (typeof clients)[number];

const key = "citadel-client";
const before = recall(key);
/** The package manager that somebody uses; remembered. */
export const client = signal<Client>(clients.find((one) => one === before) ?? "npm");

/** What to type to install a version. */
export function installLine(
  by: Client,
  name: string,
  version: string,
  tags: Readonly<Record<string, string>>,
): string {
  const spec = tags["latest"] === version ? name : `${name}@${version}`;
  switch (by) {
    case "npm":
      return `npm install ${spec}`;
    case "pnpm":
      return `pnpm add ${spec}`;
    case "yarn":
      return `yarn add ${spec}`;
    case "bun":
      return `bun add ${spec}`;
    case "deno":
      return `deno add npm:${spec}`;
  }
}

export function Install({
  name,
  version,
  tags,
}: {
  readonly name: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
}) {
  const registry = session.value?.registry ?? "";
  const scope = /^(@[^/]+)\//.exec(name)?.[1];
  const rc = `${scope === undefined ? "" : `${scope}:`}registry=${registry}`;
  return (
    <section class="card side" aria-labelledby="install">
      <h2 id="install">Install</h2>
      <div class="segments" role="group" aria-label="Package manager">
        {clients.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={client.value === one}
            onClick={() => {
              client.value = one;
              remember(key, one);
            }}
          >
            {one}
          </button>
        ))}
      </div>
      <Line text={installLine(client.value, name, version, tags)} what="the install line" />
      <p class="faint">
        In <code>.npmrc</code>, so that it comes from here:
      </p>
      <Line text={rc} what="the line for .npmrc" />
    </section>
  );
}

const Line = ({ text, what }: { readonly text: string; readonly what: string }) => (
  <div class="line">
    <code tabIndex={0}>{text}</code>
    <Copy text={text} what={what} />
  </div>
);
