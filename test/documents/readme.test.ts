// E3, B6: a README of a stranger as HTML and on a terminal.
import { readmeHtml, readmeText, type Places } from "@citadel/core/documents";
import { Window } from "happy-dom";
import { describe, expect, test } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { heavyReadmes, hostileReadmes } from "../support/readmes.ts";

const html = async (source: string, places?: Places) => (await readmeHtml(source, places)).html;

describe("E3, attack 29: harmless HTML", () => {
  const elements = new Set(
    "h3 h4 h5 h6 p div blockquote pre hr br ul ol li details summary table thead tbody tr th td a b code em span strong img input".split(
      " ",
    ),
  );
  const attributes = new Set(
    "id class title href rel src alt loading type checked disabled open align".split(" "),
  );

  test.each(Object.entries(hostileReadmes))("%s", async (_, attack) => {
    const { document } = new Window();
    document.body.innerHTML = await html(attack, { files: "/files/", images: "/files/" });
    for (const element of document.body.querySelectorAll("*")) {
      expect(elements).toContain(element.tagName.toLowerCase());
      for (const { name, value } of element.attributes) {
        expect(attributes).toContain(name);
        if (name === "href")
          expect(value).toMatch(/^(?:\/files\/(?!\/)|#user-content-|https?:\/\/|mailto:)/);
        if (name === "src") expect(value).toMatch(/^\/files\/(?!\/)/);
        if (name === "id") expect(value).toMatch(/^user-content-/);
      }
    }
    for (const { className } of document.body.querySelectorAll("[class]"))
      expect(className).toMatch(/^(?:hljs[\w -]*|language-\w+|image-off|alert alert-note)$/);
  });

  test(
    "a browser runs nothing of it, asks nobody, and changes nothing that it has read",
    { timeout: 60_000 },
    async () => {
      const browser = await openBrowser();
      if (!browser) return;
      try {
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("request", (sent) => complaints.push(`asked ${sent.url()}`));
        page.on("dialog", (dialog) => (complaints.push(dialog.message()), dialog.dismiss()));
        page.on("pageerror", (error) => complaints.push(String(error)));
        for (const [name, attack] of Object.entries(hostileReadmes)) {
          const safe = await html(attack, { files: "#", images: "data:," });
          const markup = await page.locator("body").evaluate((body, text) => {
            body.innerHTML = text;
            const once = body.innerHTML;
            // what a browser makes of its own output is where mutations hide
            body.innerHTML = once;
            return [once, body.innerHTML];
          }, safe);
          expect(markup[1], name).toBe(markup[0]);
          expect(
            await page
              .locator("script, style, svg, math, iframe, form, [onerror], [onclick], [style]")
              .count(),
            name,
          ).toBe(0);
        }
        expect(complaints.filter((one) => !one.startsWith("asked data:"))).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );

  test("no class of the author, not even one of ours", async () =>
    expect(
      await html(
        "<div class='hljs alert'><span class=hljs-keyword>k</span><code class=hljs>c</code></div>",
      ),
    ).not.toContain("class"));

  test.each(Object.entries(heavyReadmes))("%s comes out, whatever it takes", async (_, source) => {
    const made = await readmeHtml(source);
    expect(made.html.length).toBeGreaterThan(0);
    expect((await readmeText(source, 80)).text).toBeTypeOf("string");
  });
});

describe("E3: a README on a page", () => {
  test("headings below those of the page, without jumps, named as GitHub does", async () => {
    const { headings, html: text } = await readmeHtml(
      "---\ntitle: x\n---\n#One\n\n##### Two *b*\n\n# One\n\n<h2>Raw</h2>\n\n[in](#one)",
    );
    expect(headings).toEqual([
      { level: 3, text: "One", id: "user-content-one" },
      { level: 4, text: "Two b", id: "user-content-two-b" },
      { level: 3, text: "One", id: "user-content-one-1" },
      { level: 4, text: "Raw", id: "user-content-raw" },
    ]);
    expect(text).toContain('<a href="#user-content-one">in</a>');
    expect(text).not.toContain("title: x");
  });

  test("relative links and images stay below what they belong to; other images are named and not asked for", async () => {
    const source =
      "[a](./docs/x.md#y) [b](../../../../etc/passwd) ![logo](logo.png) ![badge](https://img.example/b.svg)";
    expect(
      await html(source, { files: "https://h.example/o/r/blob/HEAD", folder: "packages/a" }),
    ).toBe(
      '<p><a href="https://h.example/o/r/blob/HEAD/packages/a/docs/x.md#y" rel="nofollow ugc noopener noreferrer">a</a> ' +
        '<a href="https://h.example/o/r/blob/HEAD/etc/passwd" rel="nofollow ugc noopener noreferrer">b</a> ' +
        '<span class="image-off">[logo]</span> <span class="image-off">[badge (img.example)]</span></p>\n',
    );
    expect(await html("![logo](./a/logo.png)", { images: "/-/files/x/1.0.0/" })).toContain(
      '<img src="/-/files/x/1.0.0/a/logo.png" alt="logo" loading="lazy" />',
    );
    expect(await html("[a](x.md)")).toBe("<p><a>a</a></p>\n");
  });

  test("code in colours, task lists, tables, notes", async () => {
    const text = await html(
      '```js\nlet a = "<b>";\n```\n\n- [x] done\n\n|a|\n|:-:|\n|1|\n\n> [!TIP]\n> good',
    );
    expect(text).toContain('<code class="hljs language-js"><span class="hljs-keyword">let</span>');
    expect(text).toContain("&lt;b&gt;");
    expect(text).toMatch(/<input (?=[^>]*disabled)(?=[^>]*checked)(?=[^>]*type="checkbox")/);
    expect(text).toContain('<td align="center">1</td>');
    expect(text).toContain('<div class="alert alert-tip"><p><strong>Tip</strong></p>\n<p>good</p>');
  });

  test("the same README gives the same bytes; more than 1 MiB is cut", async () => {
    expect(await html("# a\n\n```js\n1\n```")).toBe(await html("# a\n\n```js\n1\n```"));
    expect((await readmeHtml("a ".repeat(2 ** 20))).cut).toBe(true);
  });
});

describe("E3: a README on a terminal", () => {
  test("is plain text that keeps to the width", async () => {
    const source = `# Title\n\n${"word ".repeat(40)}\n\n- one [link](https://h.example/)\n- [x] two\n\n|a|b|\n|-|-|\n|1|2|\n\n    code`;
    const { text } = await readmeText(source, 40);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(40);
    expect(text).toContain("- one link (https://h.example/)\n- [x] two\n\na  b\n-  -\n1  2");
    expect((await readmeText(source)).text).toContain("word ".repeat(40).trim());
  });

  test("nothing in it steers the terminal, not even as an entity", async () => {
    const { text } = await readmeText(
      "a\u001b[2Jb &#27;]0;t&#7; &#x9b;31m \u202eflip\u0007 `\u001b[31m` \u009b1A",
    );
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  });
});
