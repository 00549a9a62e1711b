// E4: docsets as Dash and Zeal open them, made by the real command; read with a real HTML and XML parser, and with SQLite.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Window } from "happy-dom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { pack, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("docset");
afterAll(() => folder.remove());
const home = join(folder.path, "home");
const docset = join(folder.path, "Acme.docset");

/** https://kapeli.com/docsets#supportedentrytypes */
const documented = new Set(
  "Annotation Attribute Binding Builtin Callback Category Class Command Component Constant Constructor Define Delegate Diagram Directive Element Entry Enum Environment Error Event Exception Extension Field File Filter Framework Function Global Guide Hook Instance Instruction Interface Keyword Library Literal Macro Method Mixin Modifier Module Namespace Notation Object Operator Option Package Parameter Plugin Procedure Property Protocol Provider Provisioner Query Record Resource Sample Section Service Setting Shortcut Statement Struct Style Subroutine Tag Test Trait Type Union Value Variable Word".split(
    " ",
  ),
);

interface Row {
  readonly name: string;
  readonly type: string;
  readonly path: string;
}
let rows: Row[] = [];
const documents = join(docset, "Contents/Resources/Documents");

async function publish(manifest: Manifest, files: Record<string, string>): Promise<void> {
  const file = join(folder.path, "package.tgz");
  await writeFile(file, pack(manifest, files));
  const [, scope = "-", name = manifest.name] = /^@([^/]+)\/(.+)$/.exec(manifest.name) ?? [];
  const done = await citadel(home, ["local:publish", name, manifest.version, scope, "-f", file]);
  expect(done.code, done.output).toBe(0);
}

const create = (...args: string[]) => citadel(home, ["sync:docset:create", ...args]);

beforeAll(async () => {
  await mkdir(home, { recursive: true });
  await publish(
    {
      name: "@acme/ui",
      version: "1.2.0",
      description: "parts <of> pages & more",
      exports: {
        ".": { types: "./index.d.ts", default: "./index.js" },
        "./sub/path": { types: "./sub.d.ts", default: "./sub.js" },
      },
    },
    {
      "README.md":
        "# Acme UI\n\n## Getting *started*\n\n<script>alert(1)</script>\n\n## Überschrift & more\n\n## Getting started\n",
      "index.d.ts": `
/** Draws </div><script>alert(1)</script> a page. @deprecated use \`render\` */
export declare function draw(where: "</pre><script>alert(2)</script>"): void;
export declare function render(): void;
export declare namespace render { const speed: number; }
export declare class Box<T> { constructor(of: T); static make(): Box<string>; readonly size: number; open(): T; "it's <odd>": 1; }
export interface Options { deep?: boolean; (call: string): void; [key: string]: unknown; }
export type Kind = "a" | "b";
export declare enum Colour { Red = 1, Green }
export declare const version: string;
export declare let state: number;
export declare const Ünï: 1;
export default render;
`,
      "sub.d.ts": "export declare function below(): 1;\n",
      "sub.js": "",
    },
  );
  await publish(
    { name: "plain", version: "0.1.0", main: "index.js" },
    { "index.js": "exports.one = 1; exports.two = function () {};\n" },
  );
  const made = await create("@acme/ui", "plain@0.x", "--name", "Acme & Söhne", "-o", docset);
  expect(made.code, made.output).toBe(0);
  const database = new DatabaseSync(join(docset, "Contents/Resources/docSet.dsidx"), {
    readOnly: true,
  });
  rows = database
    .prepare("SELECT name, type, path FROM searchIndex ORDER BY id")
    .all() as unknown as Row[];
  expect(
    database.prepare("SELECT sql FROM sqlite_master WHERE name = 'anchor'").get(),
  ).toMatchObject({ sql: expect.stringMatching(/^CREATE UNIQUE INDEX/) });
  database.close();
});

/** A page as a browser reads it; nothing of it runs. */
async function parsed(path: string) {
  const window = new Window({ settings: { disableJavaScriptEvaluation: true } as never });
  const { DOMParser } = window;
  return new DOMParser().parseFromString(await readFile(path, "utf8"), "text/html");
}

describe("E4 docsets", () => {
  test("E4: everything that is found leads to an anchor that is there, and is of a documented type", async () => {
    expect(rows.length).toBeGreaterThan(25);
    const pages = new Map<string, Awaited<ReturnType<typeof parsed>>>();
    for (const { name, type, path } of rows) {
      expect(documented, name).toContain(type);
      const [file = "", fragment] = path.split("#");
      const page = pages.get(file) ?? (await parsed(join(documents, file)));
      pages.set(file, page);
      if (fragment !== undefined)
        expect(page.getElementById(decodeURIComponent(fragment)), path).not.toBeNull();
    }
    const found = rows.map(({ name, type }) => `${type} ${name}`);
    for (const one of [
      "Package @acme/ui",
      "Module @acme/ui/sub/path",
      "Function draw",
      "Class Box",
      "Method Box.open",
      "Property Box.size",
      "Constructor Box.constructor",
      "Interface Options",
      "Type Kind",
      "Enum Colour",
      "Value Colour.Green",
      "Constant version",
      "Variable state",
      "Function below",
      "Constant Ünï",
      "Package plain",
      "Section @acme/ui: Überschrift & more",
    ])
      expect(found).toContain(one);
  });

  test("E4: entries of Dash's table of contents stand in the pages, with names that can be decoded", async () => {
    const page = await parsed(join(documents, "@acme__ui/api.html"));
    const anchors = [...page.querySelectorAll("a.dashAnchor")].map(
      (one) => one.getAttribute("name") ?? "",
    );
    expect(anchors.length).toBeGreaterThan(15);
    for (const anchor of anchors) {
      const [, type = "", name = ""] = /^\/\/apple_ref\/cpp\/(\w+)\/(.+)$/.exec(anchor) ?? [];
      expect(documented, anchor).toContain(type);
      expect(rows).toContainEqual(
        expect.objectContaining({ type, name: decodeURIComponent(name) }),
      );
    }
  });

  test("E4: what authors wrote is text: no element, script or address of theirs is in a page", async () => {
    for (const file of [
      "index.html",
      "@acme__ui/index.html",
      "@acme__ui/api.html",
      "@acme__ui/api-2.html",
      "plain/api.html",
    ]) {
      const page = await parsed(join(documents, file));
      expect(page.querySelectorAll("script, img, iframe, object, link, form").length, file).toBe(0);
      for (const link of page.querySelectorAll("a[href]"))
        expect(link.getAttribute("href"), file).toMatch(/^[\w@./-]+\.html$/);
    }
    const page = await parsed(join(documents, "@acme__ui/api.html"));
    const text = page.getElementById("api-draw")?.textContent ?? "";
    expect(text).toContain("Draws </div><script>alert(1)</script> a page.");
    expect(text).toContain("</pre><script>alert(2)</script>");
  });

  test("E4: the property list parses and says what Dash asks for", async () => {
    const window = new Window();
    const list = new window.DOMParser().parseFromString(
      await readFile(join(docset, "Contents/Info.plist"), "utf8"),
      "text/xml",
    );
    const dict = [...(list.querySelector("plist > dict")?.children ?? [])];
    const values = Object.fromEntries(
      dict.flatMap((one, n) =>
        one.tagName.toLowerCase() === "key"
          ? [[one.textContent, dict[n + 1]?.textContent || dict[n + 1]?.tagName.toLowerCase()]]
          : [],
      ),
    );
    expect(values).toEqual({
      CFBundleIdentifier: "citadel.acme-s-hne",
      CFBundleName: "Acme & Söhne",
      DocSetPlatformFamily: "acme-s-hne",
      DashDocSetFamily: "dashtoc",
      dashIndexFilePath: "index.html",
      isDashDocset: "true",
      isJavaScriptEnabled: "false",
    });
  });

  test("E4: the same packages give the same bytes; what is there stays without --force", async () => {
    const hashes = async (path: string): Promise<string[]> => {
      const files = await readdir(path, { recursive: true, withFileTypes: true });
      const all = files
        .filter((file) => file.isFile())
        .map(({ parentPath, name }) => join(parentPath, name));
      return Promise.all(
        all
          .sort((a, b) => (a < b ? -1 : 1))
          .map(
            async (file) =>
              `${file.slice(path.length)} ${createHash("sha256")
                .update(await readFile(file))
                .digest("hex")}`,
          ),
      );
    };
    const before = await hashes(docset);
    const kept = await create("plain", "-o", docset);
    expect([kept.code, kept.stderr]).toEqual([2, expect.stringContaining("--force")]);
    const names = ["plain@latest", "@acme/ui@1.2.0", "--name", "Acme & Söhne"];
    const again = await create(...names, "-o", docset, "--force");
    expect(again.code, again.output).toBe(0);
    expect(await hashes(docset)).toEqual(before);
    expect((await readdir(folder.path)).filter((name) => name.startsWith("local-"))).toEqual([]);
  });

  test("E4: usage: no such package or version, another ending", async () => {
    const out = join(folder.path, "none.docset");
    expect((await create("nothing-here", "-o", out)).code).toBe(4);
    expect((await create("plain@9.x", "-o", out)).code).toBe(4);
    expect((await create("../plain", "-o", out)).code).toBe(2);
    expect((await create("plain", "-o", join(folder.path, "none"))).code).toBe(2);
    await expect(readdir(out)).rejects.toThrow("ENOENT");
  });
});
