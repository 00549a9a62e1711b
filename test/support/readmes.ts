/** READMEs that want something of whoever reads them, by what they try. */
export const hostileReadmes: Readonly<Record<string, string>> = {
  "script elements": "<script>alert(1)</script><SCRIPT src=//e.example/x></SCRIPT>",
  "handlers of events": "<img src=x onerror=alert(1)><b onclick='x' ONMOUSEOVER=x>b</b>",
  "javascript: in links, in mixed case and with a tab":
    "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](<java\tscript:alert(1)>) <a href='java&#10;script:1'>d</a>",
  "vbscript:, data: and entities":
    "<a href='&#106;avascript:1'>x</a> [v](vbscript:x) [d](data:text/html;base64,PHNjcmlwdD4=) ![i](data:image/svg+xml,x)",
  svg: "<svg onload=1><a xlink:href='javascript:1'>s</a><style>*{}</style></svg>",
  "mathml that changes when it is read again":
    "<math><mtext><table><mglyph><style><img src=x onerror=1></style></mglyph></table></mtext></math>",
  "nested forms":
    "<form id=login action=x><input name=password type=password><form><button>b</button></form></form>",
  "an overlay of its own, and classes of ours":
    "<div style='position:fixed;inset:0' class='hljs cover'>over</div><span class=hljs-keyword>k</span>",
  "base, refresh and style sheets":
    "<base href=//e.example/><meta http-equiv=refresh content='0;url=//e'><link rel=stylesheet href=//e>",
  "frames and media":
    "<iframe srcdoc='<script>1</script>'></iframe><object data=x></object><embed src=x><video src=x></video><audio src=x>",
  "template, slot and dialog":
    "<template><script>1</script></template><slot name=x></slot><dialog open>x</dialog>",
  "noscript that changes when it is read again":
    "<noscript><p title='</noscript><img src=x onerror=1>'></noscript>",
  "title and xmp that change when they are read again":
    "<p title='</title><script>1</script>'>t</p><title><img src=x onerror=1></title><xmp><script>1</script></xmp>",
  "names that stand for properties of the document":
    "<a id=document.cookie name=location href=#x>clobber</a><h1 id=forms>h</h1><img name=body src=x>",
  "addresses without a scheme":
    "[p](//e.example/x) [q](\\\\e.example/x) <img src='//e.example/i.png'><img srcset='//e.example/i.png 2x'>",
  "code that ends its own element":
    '`` <script> `` \n\n```html\n</code></pre><script>1</script>\n```\n\n```js" onclick="x\nx\n```',
  "an alert and a reference": "> [!NOTE]<img src=x onerror=1>\n> text\n\n[x]: javascript:1\n[x]",
  "details, ping and target":
    "<details ontoggle=1 open><summary>s</summary></details><a href=x ping=//e target=_top download>p</a>",
  "headings in links in headings":
    "<h1><h2><a href='#'><h3>nested</h1></h2></h3></a></p></div></blockquote>",
  "comments and sections that are none":
    "<!--><img src=x onerror=1>--> <![CDATA[<script>1</script>]]> <?php <script>1</script> ?>",
};

/** READMEs that take long, or much room. */
export const heavyReadmes: Readonly<Record<string, string>> = {
  "1 MB of [": "[".repeat(2 ** 20),
  "10,000 nested quotes": "> ".repeat(10_000) + "x",
  "10,000 nested elements": "<div>".repeat(10_000),
  "100,000 stars": "*a **a ".repeat(50_000),
  "a table of 100,000 columns": `|${"a|".repeat(1e5)}\n|${"-|".repeat(1e5)}\n`,
};
