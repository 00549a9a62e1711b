import type { Context } from "hono";
import { matching } from "../../http/conditional.ts";
import { param, type Env, type Handler } from "../../npm/room.ts";
import { textOf, type Shelf } from "./contents.ts";
import { locate } from "./located.ts";

/** What a browser may show as a picture; everything else is text or a download. */
const images: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  ico: "image/x-icon",
  svg: "image/svg+xml",
};

export interface FileItem {
  readonly path: string;
  /** bytes */
  readonly size: number;
}
export interface FileList {
  readonly name: string;
  readonly version: string;
  readonly items: readonly FileItem[];
  /** there are more */
  readonly cut: boolean;
}

/** `GET …/files`: all files of a version. */
export const createFiles =
  (shelf: Shelf): Handler =>
  async (c) => {
    const located = await locate(c.env, param(c, "name"), param(c, "spec"));
    const { files, cut } = await shelf.list(c.env, located);
    const { name, version } = located;
    const items = files.map(({ path, size }) => ({ path, size }));
    return c.json({ name, version, items, cut } satisfies FileList);
  };

/**
 * `GET /_dashboard/raw/<name>/<version>/<path>`, or `?path=`, which takes any name: one file as it was published. The path is looked
 * for among those of the tarball, and nowhere else.
 */
export const createRaw =
  (shelf: Shelf): Handler =>
  async (c) => {
    const located = await locate(c.env, param(c, "name"), param(c, "spec"));
    const { file, bytes } = await shelf.read(c.env, located, pathOf(c));
    const etag = `"${file.hash}"`;
    const headers = { ...headersFor(file.path, bytes), etag };
    if (matching(c.req.header("if-none-match") ?? "", file.hash, []) !== undefined)
      return c.body(null, 304, headers);
    return c.body(new Uint8Array(bytes), 200, headers);
  };

function pathOf(c: Context<Env>): string {
  const { path } = c.env;
  const asked = c.req.query("path");
  if (asked !== undefined) return asked;
  return path.split("/").slice(5).map(decodeURIComponent).join("/");
}

function headersFor(path: string, bytes: Uint8Array): Record<string, string> {
  const image = images[/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ""];
  const isText = image === undefined && textOf(bytes) !== undefined;
  const inline = isText || (image !== undefined && image !== images["svg"]);
  return {
    "content-type": isText ? "text/plain; charset=utf-8" : (image ?? "application/octet-stream"),
    "content-security-policy":
      "default-src 'none'; sandbox; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    ...(!inline && { "content-disposition": "attachment" }),
    "cache-control": "private, no-cache",
    vary: "authorization, cookie",
  };
}
