/** Markup that the server has made harmless; the only way in which HTML comes into the page. */
interface Policy {
  createHTML(html: string): string;
}

const policy = (
  globalThis as unknown as {
    trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
  }
).trustedTypes?.createPolicy("citadel", { createHTML: (html) => html });

/** For `dangerouslySetInnerHTML`, which nothing else may use. @param html from `/_dashboard/api` */
export const trusted = (html: string): { readonly __html: string } => ({
  __html: policy ? policy.createHTML(html) : html,
});
