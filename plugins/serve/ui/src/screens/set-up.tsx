import { CopyLine } from "../parts/copy.tsx";
import { Page } from "../parts/page.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { session } from "../session.ts";

/** What to paste, for each client. */
const clients = (registry: string): readonly { name: string; lines: readonly string[] }[] => [
  {
    name: "npm",
    lines: [`npm set registry ${registry}`, "npm adduser", "npm publish"],
  },
  {
    name: "pnpm",
    lines: [`pnpm config set registry ${registry}`, "pnpm login", "pnpm publish"],
  },
  {
    name: "yarn",
    lines: [
      `yarn config set npmRegistryServer ${registry}`,
      ...(registry.startsWith("http:")
        ? [`yarn config set unsafeHttpWhitelist --json '["${new URL(registry).hostname}"]'`]
        : []),
      "yarn npm login",
      "yarn npm publish",
    ],
  },
  {
    name: "bun",
    lines: [`echo 'registry=${registry}' >> .npmrc`, "npm adduser", "bun publish"],
  },
  {
    name: "deno",
    lines: [`echo 'registry=${registry}' >> .npmrc`, "deno add npm:<package>"],
  },
];

export const SetUp = () => {
  const registry = session.value?.registry ?? "";
  return (
    <div class="stack">
      <Tabs
        label="Client"
        tabs={clients(registry).map(({ name, lines }) => ({
          name,
          content: () => (
            <ol class="steps">
              {lines.map((line) => (
                <li key={line}>
                  <CopyLine text={line} what={`the line ${line.split(" ", 2).join(" ")}`} />
                </li>
              ))}
            </ol>
          ),
        }))}
      />
      <h2>For one project or one scope</h2>
      <p>
        In the <code>.npmrc</code> beside the project's <code>package.json</code>:
      </p>
      <CopyLine text={`registry=${registry}`} what="the line for all packages" />
      <CopyLine text={`@acme:registry=${registry}`} what="the line for one scope" />
    </div>
  );
};

export default function SetUpScreen() {
  return (
    <Page title="Set up a client" lead="Lines to paste, for each package manager.">
      <SetUp />
    </Page>
  );
}
