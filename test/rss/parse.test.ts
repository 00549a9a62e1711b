// E5: feeds of any format, as they come.
import { parse, readOpml, writeOpml, type Feed } from "@citadel/plugin-rss";
import { describe, expect, test } from "vitest";

const url = "https://feeds.example/news/feed.xml";
const from = (text: string | Uint8Array, contentType?: string) =>
  parse({ bytes: typeof text === "string" ? Buffer.from(text) : text, url, contentType });

function feedOf(text: string | Uint8Array, contentType?: string): Feed {
  const found = from(text, contentType);
  if (found.kind !== "feed") throw new Error(JSON.stringify(found));
  return found.feed;
}

const rss = (inside: string, before = ""): string =>
  `${before}<rss version="2.0"><channel><title>t</title><link>https://site.example/</link>${inside}</channel></rss>`;
const item = (inside: string): string => rss(`<item>${inside}</item>`);

describe("E5: bombs", () => {
  const lol = Array.from(
    { length: 9 },
    (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`,
  ).join("");
  test.each([
    [
      "an external entity",
      rss(
        "<item><title>&x;</title></item>",
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
      ),
    ],
    [
      "an external subset with entities",
      rss("", '<!DOCTYPE r SYSTEM "http://e.example/x.dtd" [ %remote; ]>'),
    ],
    [
      "a billion laughs",
      rss("<item><title>&l9;</title></item>", `<!DOCTYPE r [<!ENTITY l0 "lol">${lol}]>`),
    ],
    [
      "quadratic expansion",
      rss(
        `<item><title>${"&a;".repeat(50_000)}</title></item>`,
        `<!DOCTYPE r [<!ENTITY a "${"x".repeat(50_000)}">]>`,
      ),
    ],
    ["an entity beside a DOCTYPE", rss("", '<!DOCTYPE r><!ENTITY x "y">')],
    ["a DOCTYPE late", rss('<item><!DOCTYPE r [<!ENTITY x "y">]><title>&x;</title></item>')],
    ["a DOCTYPE in lower case", rss("", '<!doctype r [<!entity x "y">]>')],
    ["a DOCTYPE without an end", "<!DOCTYPE rss "],
    ["20,000 nested elements", rss(`<item>${"<b>".repeat(20_000)}${"</b>".repeat(20_000)}</item>`)],
    ["a million elements", rss("<item/>".repeat(10 ** 6))],
    [
      "an element __proto__",
      rss("<__proto__><polluted>1</polluted></__proto__><item><title>a</title></item>"),
    ],
    ["a file that ends early", rss("<item><title>cut").slice(0, -20)],
    ["nothing", ""],
    ["text", "no feed at all"],
    ["damaged JSON", '{"version":"https://jsonfeed.org/version/1.1","items":['],
    ["other JSON", '{"a":1}'],
    ["deep JSON", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["other XML", "<svg xmlns='http://www.w3.org/2000/svg'/>"],
  ])("%s is refused, and says why", (_, text) => {
    expect(from(text)).toMatchObject({ kind: "none", why: expect.stringMatching(/^(?:it|its) /) });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test.each([
    [
      "a DOCTYPE without declarations",
      rss("", '<!DOCTYPE rss PUBLIC "-//N//DTD RSS 0.91//EN" "http://my.example/rss-0.91.dtd">'),
    ],
    [
      "what looks like an entity in CDATA",
      item('<description><![CDATA[<!ENTITY x "y"> <!DOCTYPE a [ ]>]]></description>'),
    ],
    ["and in a comment", rss('<!-- <!DOCTYPE a [<!ENTITY x "y">]> -->')],
    ["a > in an attribute", rss('<item a="<b>>" ><title>x</title></item>')],
    [
      "a JSON key __proto__",
      '{"version":"https://jsonfeed.org/version/1.1","title":"t","__proto__":{"polluted":1},"items":[]}',
    ],
  ])("%s is no bomb", (_, text) => {
    expect(feedOf(text).title).toBe("t");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("E5: encodings, by mark, header and declaration in this order", () => {
  const text = (encoding: string, words: string): string =>
    `<?xml version="1.0" encoding="${encoding}"?>${rss(`<description>${words}</description>`)}`;
  const wide = (words: string, swap: boolean): Buffer => {
    const bytes = Buffer.from(words, "utf16le");
    return swap ? bytes.swap16() : bytes;
  };
  test.each([
    ["UTF-8 without a word", rss("<description>Zürich</description>"), undefined, "Zürich"],
    [
      "a mark against a header",
      Buffer.from(`\ufeff${text("iso-8859-1", "Zürich")}`),
      "text/xml; charset=iso-8859-1",
      "Zürich",
    ],
    [
      "a header against a declaration",
      Buffer.from(text("utf-8", "Zürich"), "latin1"),
      'text/xml; charset="ISO-8859-1"',
      "Zürich",
    ],
    ["a declaration", Buffer.from(text("iso-8859-1", "Zürich"), "latin1"), "text/xml", "Zürich"],
    [
      "windows-1252",
      Buffer.from(text("windows-1252", "5 \x80").replaceAll("€", "\x80"), "latin1"),
      undefined,
      "5 €",
    ],
    [
      "Shift_JIS",
      Buffer.concat([
        Buffer.from(
          "<?xml version='1.0' encoding='Shift_JIS'?><rss version='2.0'><channel><title>t</title><description>",
        ),
        Buffer.from([0x93, 0xfa, 0x96, 0x7b]),
        Buffer.from("</description></channel></rss>"),
      ]),
      undefined,
      "日本",
    ],
    ["UTF-16 with a mark", wide(`\ufeff${text("utf-16", "Zürich")}`, false), undefined, "Zürich"],
    ["UTF-16 the other way", wide(`\ufeff${text("utf-16", "Zürich")}`, true), undefined, "Zürich"],
    ["UTF-16 without a mark", wide(text("utf-16", "Zürich"), true), undefined, "Zürich"],
    [
      "an encoding that nobody knows",
      text("klingon-8", "Zürich"),
      "text/xml; charset=klingon",
      "Zürich",
    ],
    [
      "bytes that are no text",
      Buffer.concat([
        Buffer.from("<rss version='2.0'><channel><title>t</title><description>Z"),
        Buffer.from([0xff, 0xfe]),
        Buffer.from("</description></channel></rss>"),
      ]),
      undefined,
      "Z\ufffd\ufffd",
    ],
  ])("%s", (_, bytes, contentType, expected) =>
    expect(feedOf(bytes, contentType).description).toBe(expected),
  );
});

describe("E5: awkward feeds", () => {
  test("Atom: xml:base at every level, the link that is meant, markup in titles, text and XHTML", () => {
    const feed =
      feedOf(`<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/base/"><title type="html">A &amp;amp; &lt;b&gt;B&lt;/b&gt;</title>
      <link rel="self" href="self"/><link href="./home"/><author><name>Ann</name></author>
      <entry xml:base="one/"><id>1</id><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x <i>y</i></div></title>
        <link rel="enclosure" href="a.mp3" type="audio/mpeg"/><link rel="edit" href="e"/><link href="p.html"/>
        <content type="xhtml" xml:base="deep/"><div xmlns="http://www.w3.org/1999/xhtml"><a href="q">q</a></div></content><updated>2024-02-03T04:05:06+01:00</updated></entry>
      <entry><id>2</id><title>&lt;i&gt; is text</title><summary>1 &lt; 2</summary></entry></feed>`);
    expect(feed).toMatchObject({
      format: "atom",
      title: "A & B",
      link: "https://feeds.example/base/home",
    });
    expect(feed.items).toEqual([
      {
        ...{
          id: "1",
          title: "x y",
          link: "https://feeds.example/base/one/p.html",
          published: Date.parse("2024-02-03T03:05:06Z"),
        },
        ...{
          authors: ["Ann"],
          html: '<a href="q">q</a>',
          base: "https://feeds.example/base/one/deep/",
        },
        enclosures: [{ url: "https://feeds.example/base/one/a.mp3", type: "audio/mpeg" }],
      },
      {
        id: "2",
        title: "<i> is text",
        authors: ["Ann"],
        html: "<p>1 &lt; 2</p>",
        base: "https://feeds.example/base/",
      },
    ]);
  });

  test.each([
    [
      "no id: its address",
      item("<title>a</title><link>/a</link>"),
      { id: "https://site.example/a", link: "https://site.example/a" },
    ],
    [
      "neither: a hash that stays",
      item("<title>a</title>"),
      { id: expect.stringMatching(/^sha256:/) },
    ],
    [
      "a guid that is an address",
      item("<guid>https://site.example/g</guid>"),
      { link: "https://site.example/g" },
    ],
    [
      "a guid that is none",
      item('<guid isPermaLink="false">https://site.example/g</guid>'),
      { id: "https://site.example/g", title: "(without a title)" },
    ],
    [
      "an address that is no web",
      item("<link>javascript:alert(1)</link><title>a</title>"),
      { title: "a" },
    ],
    [
      "content before description",
      item(
        "<description>short</description><content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'><![CDATA[<p>long]]&gt;</p>]]></content:encoded>",
      ),
      { html: "<p>long]]&gt;</p>" },
    ],
    [
      "a title with markup",
      item("<title>&lt;b&gt;bold&lt;/b&gt; &amp;amp; more</title>"),
      { title: "bold & more" },
    ],
    [
      "no title: the beginning of its text",
      item("<description>&lt;p&gt;Some words&lt;/p&gt;</description>"),
      { title: "Some words" },
    ],
    ["a date that is none", item("<title>a</title><pubDate>yesterday</pubDate>"), { title: "a" }],
    [
      "an enclosure",
      item('<title>a</title><enclosure url="/x.mp3" length="0" type="audio/mpeg"/>'),
      { enclosures: [{ url: "https://feeds.example/x.mp3", type: "audio/mpeg" }] },
    ],
    [
      "upper case",
      item("<TITLE>a</TITLE>").replace("<rss", "<RSS").replace("</rss", "</RSS"),
      { title: "a" },
    ],
    [
      "RDF",
      '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel rdf:about="x"><title>t</title><link>https://site.example/</link></channel><item rdf:about="https://site.example/i"><title>I</title><link>i</link><dc:date xmlns:dc="http://purl.org/dc/elements/1.1/">2024-01-01</dc:date></item></rdf:RDF>',
      {
        id: "https://site.example/i",
        link: "https://site.example/i",
        published: Date.parse("2024-01-01"),
      },
    ],
    [
      "JSON Feed with a number for an id",
      '{"version":"https://jsonfeed.org/version/1","title":"t","home_page_url":"/h","items":[{"id":7,"url":"a","content_text":"1 < 2"}]}',
      { id: "7", link: "https://feeds.example/news/a", html: "<p>1 &lt; 2</p>" },
    ],
  ])("%s", (_, text, expected) => expect(feedOf(text).items[0]).toMatchObject(expected));

  test("an id stays the same from one request to the next", () =>
    expect(feedOf(item("<title>a</title>")).items[0]?.id).toBe(
      feedOf(item("<title>a</title>")).items[0]?.id,
    ));

  test("at most a thousand items, 128 KiB each", () => {
    const feed = feedOf(
      rss(
        `<item><description>${"x".repeat(200_000)}</description></item>${"<item><title>a</title></item>".repeat(2000)}`,
      ),
    );
    expect(feed.items).toHaveLength(1000);
    expect(feed.items[0]?.html).toHaveLength(128 * 1024);
  });

  test("a page names its feeds", () => {
    const page = `<!-- x --><!DOCTYPE html><html><head><base href="/deep/"><link rel="ALTERNATE stylesheet" type="application/rss+xml" title="R" href="r.xml">
      <link rel=alternate type=application/atom+xml href=//other.example/a><link rel=alternate type=text/html href=no>
      <link rel=alternate type=application/rss+xml href=javascript:1><script>"<link rel=alternate type=application/rss+xml href=/script>"</script>`;
    expect(from(page, "text/html")).toEqual({
      kind: "page",
      alternates: [
        { url: "https://feeds.example/deep/r.xml", title: "R" },
        { url: "https://other.example/a" },
      ],
    });
    // some servers call everything HTML
    expect(from(item("<title>a</title>"), "text/html").kind).toBe("feed");
  });
});

describe("E5: OPML", () => {
  test("goes out and comes back in the same", () => {
    const feeds = [
      { url: "https://a.example/f?x=1&y=2", title: 'A & <B> "C"', folder: "News/Local" },
      { url: "https://b.example/f", title: "Zürich \u{1f600}", folder: "News" },
      { url: "https://c.example/f", title: "plain" },
    ];
    const opml = writeOpml(feeds);
    expect(readOpml(Buffer.from(opml)).toSorted((a, b) => a.url.localeCompare(b.url))).toEqual(
      feeds,
    );
  });

  test("an unpaired surrogate and control characters do not make it unreadable", () => {
    const opml = writeOpml([{ url: "https://a.example/", title: "a\u0000\u001b[2J\ud800]]>b" }]);
    expect(readOpml(Buffer.from(opml))).toEqual([
      { url: "https://a.example/", title: "a[2J\ufffd]]>b" },
    ]);
  });

  test.each([
    ["a bomb", '<!DOCTYPE opml [<!ENTITY a "b">]><opml version="2.0"><body/></opml>'],
    ["no OPML", "<rss/>"],
    ["nothing", ""],
  ])("%s is refused", (_, text) =>
    expect(() => readOpml(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: "E_INVALID_DOCUMENT" }),
    ),
  );
});
