import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CitadelError } from "@citadel/core/errors";

export type Environment = "production" | "staging";

export interface ProjectOptions {
  /** folder of the template */
  readonly template: string;
  readonly folder: string;
  readonly environment: Environment;
  /** public address @default what the project says */
  readonly url?: string | undefined;
  /** R2 bucket @default what the project says */
  readonly bucket?: string | undefined;
  /** replaces files that are not those of the template any more */
  readonly overwrite: boolean;
}

/** `kept`: it is not the template's any more, and is left alone */
export interface ProjectFile {
  readonly path: string;
  readonly state: "new" | "same" | "changed" | "kept";
  readonly text: string;
}

const configuration = "wrangler.jsonc";

/**
 * The files of a Worker's project as they will be. In the configuration only the bucket and the path are changed, comments stay.
 * @throws E_CONFIG for a configuration that cannot be read
 */
export async function planProject(options: ProjectOptions): Promise<readonly ProjectFile[]> {
  const { template, folder, overwrite } = options;
  const found = await readdir(template, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length + 1))
    .toSorted();
  return Promise.all(
    paths.map(async (path): Promise<ProjectFile> => {
      const [ours, theirs] = await Promise.all(
        [template, folder].map((place) => textOf(join(place, path))),
      );
      if (path === configuration) {
        const text = await configured(theirs ?? ours ?? "", join(folder, path), options);
        return { path, text, state: stateOf(theirs, text) };
      }
      const text = ours ?? "";
      const state = stateOf(theirs, text);
      return { path, text, state: state === "changed" && !overwrite ? "kept" : state };
    }),
  );
}

const stateOf = (before: string | undefined, after: string): ProjectFile["state"] =>
  before === undefined ? "new" : before === after ? "same" : "changed";

/** Writes what is new or changed. */
export async function writeProject(folder: string, files: readonly ProjectFile[]): Promise<void> {
  for (const { path, state, text } of files) {
    if (state === "same" || state === "kept") continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CitadelError("E_USAGE", `${path} cannot be read`, {
      hint: ["choose another folder"],
      cause: error,
    });
  }
}

async function configured(
  text: string,
  file: string,
  { environment, url, bucket }: ProjectOptions,
): Promise<string> {
  const { JsonArrayNode, JsonObjectNode, JsonParser } = await import("@croct/json5-parser");
  try {
    const root = JsonParser.parse(text, JsonObjectNode);
    const place =
      environment === "production"
        ? root
        : root.get("env", JsonObjectNode).get("staging", JsonObjectNode);
    if (bucket !== undefined)
      place.get("r2_buckets", JsonArrayNode).get(0, JsonObjectNode).set("bucket_name", bucket);
    if (url !== undefined)
      place.get("vars", JsonObjectNode).set("PATH", new URL(url).pathname.replace(/\/?$/, "/"));
    return root.toString();
  } catch (cause) {
    const what = environment === "production" ? "r2_buckets and vars" : "env.staging";
    throw new CitadelError("E_CONFIG", `${file} has no ${what} as the template has them`, {
      hint: ["correct it, or write the project to another folder"],
      cause,
    });
  }
}
