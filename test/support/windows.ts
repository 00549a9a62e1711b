import { source as axe } from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";

export interface Look {
  readonly dark?: boolean;
  readonly width?: number;
  /** of somebody who has signed in */
  readonly cookies?: Awaited<ReturnType<BrowserContext["cookies"]>>;
}

/** Windows in which every complaint of the browser is written down, and whatever it asks of anybody but `origin`. */
export interface Windows {
  readonly complaints: readonly string[];
  /** @param to below `/_dashboard` */
  open(to: string, look?: Look): Promise<Page>;
}

export function createWindows(browser: Browser, origin: string): Windows {
  const complaints: string[] = [];
  return {
    complaints,
    async open(to, { dark = false, width = 1200, cookies = [] } = {}) {
      const context = await browser.newContext({
        colorScheme: dark ? "dark" : "light",
        viewport: { width, height: 900 },
        permissions: ["clipboard-read", "clipboard-write"],
      });
      await context.addCookies([...cookies]);
      await watch(context, origin, complaints);
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      await page.goto(`${origin}/_dashboard${to}`);
      return page;
    },
  };
}

async function watch(context: BrowserContext, origin: string, complaints: string[]): Promise<void> {
  context.on("request", (sent) => {
    const url = new URL(sent.url());
    if (url.protocol !== "data:" && url.origin !== origin) complaints.push(sent.url());
  });
  context.on("console", (message) => {
    if (!message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  await context.exposeFunction("refused", (what: string) => void complaints.push(what));
  await context.addInitScript({
    content: `document.addEventListener("securitypolicyviolation", (event) =>
      refused([event.violatedDirective, event.blockedURI, event.sample].join(" ")));`,
  });
}

/** What is wrong with a page for people who cannot see it well, or cannot use a mouse. */
export async function violations(page: Page): Promise<string[]> {
  // by the debugger: the page itself lets no script in
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { run } = (globalThis as unknown as { axe: { run(options: object): Promise<any> } }).axe;
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const { violations: found } = await run({
      runOnly: { type: "tag", values: tags },
      resultTypes: ["violations"],
    });
    return found.flatMap(({ id, nodes }: { id: string; nodes: { html: string }[] }) =>
      nodes.map(({ html }) => `${id}: ${html}`),
    );
  });
}
