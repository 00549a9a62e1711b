/** Beginnings of keys that say who issued them, as the issuers document them for scanners. */
const issuers: readonly (readonly [beginning: string, issuer: string])[] = [
  ["github_pat_", "GitHub"],
  ["ghp_", "GitHub"],
  ["gho_", "GitHub"],
  ["ghs_", "GitHub"],
  ["glpat-", "GitLab"],
  ["npm_", "npm"],
  ["AKIA", "AWS"],
  ["ASIA", "AWS"],
  ["AIza", "Google"],
  ["sk_live_", "Stripe, live"],
  ["rk_live_", "Stripe, live"],
  ["sk_test_", "Stripe, test"],
  ["whsec_", "Standard Webhooks"],
  ["xoxb-", "Slack"],
  ["xoxp-", "Slack"],
  ["SG.", "SendGrid"],
  ["dop_v1_", "DigitalOcean"],
  ["hvs.", "Vault"],
  ["pypi-", "PyPI"],
  ["dckr_pat_", "Docker"],
];

/** Who issued an API key, as far as its first letters tell. */
export const issuerOf = (key: string): string | undefined =>
  issuers.find(([beginning]) => key.startsWith(beginning))?.[1];
