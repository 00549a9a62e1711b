import type { ComponentType } from "preact";

export interface ScreenProps {
  /** what the groups of its pattern hold */
  readonly params: Readonly<Record<string, string>>;
}
export type Screen = ComponentType<ScreenProps>;

export interface Route {
  /** of the path below `/_dashboard` */
  readonly pattern: RegExp;
  /** for administrators: how it is called where nobody else sees it */
  readonly admin?: string;
  readonly load: () => Promise<{ readonly default: Screen }>;
}

/** Every screen and its address; each is loaded when somebody goes there. */
export const routes: readonly Route[] = [
  { pattern: /^\/(?:packages)?$/, load: () => import("./screens/packages.tsx") },
  {
    // `rest`: ``, `/v/1.2.0`, `/diff/1.0.0...1.2.0`, `/files/lib/index.js` …
    pattern: /^\/package\/(?<name>(?:@[^/]+\/)?[^/@][^/]*)(?<rest>(?:\/.*)?)$/,
    load: () => import("./screens/package/index.tsx"),
  },
  {
    pattern: /^\/security$/,
    admin: "Security",
    load: () => import("./screens/security/index.tsx"),
  },
  {
    pattern: /^\/people(?:\/(?<org>[^/]+))?$/,
    admin: "People",
    load: () => import("./screens/people/index.tsx"),
  },
  {
    pattern: /^\/hooks(?:\/(?<id>[\da-f]+))?$/,
    admin: "Webhooks",
    load: () => import("./screens/hooks/index.tsx"),
  },
  {
    pattern: /^\/configuration$/,
    admin: "Configuration",
    load: () => import("./screens/configuration/index.tsx"),
  },
  {
    pattern: /^\/policy(?:\/staged\/(?<id>[\da-f-]{36}))?$/,
    admin: "Policy",
    load: () => import("./screens/policy/index.tsx"),
  },
  { pattern: /^\/audit$/, admin: "Audit", load: () => import("./screens/audit.tsx") },
  {
    pattern: /^\/metrics$/,
    admin: "Metrics",
    load: () => import("./screens/metrics/index.tsx"),
  },
  { pattern: /^\/sign-in$/, load: () => import("./screens/sign-in.tsx") },
  { pattern: /^\/set-up$/, load: () => import("./screens/set-up.tsx") },
];

/** Where an address leads; undefined: nowhere. */
export function routeOf(
  path: string,
): { readonly route: Route; readonly params: ScreenProps["params"] } | undefined {
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (match) return { route, params: { ...match.groups } };
  }
  return undefined;
}
