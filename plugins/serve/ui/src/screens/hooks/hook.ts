/** A hook as the server shows it. */
export interface Hook {
  readonly id: string;
  readonly username: string;
  readonly type: "package" | "scope" | "owner" | "registry";
  readonly name: string;
  readonly endpoint: string;
  readonly events?: readonly string[];
  readonly packages?: readonly string[];
  readonly created: string;
  readonly last_delivery: string | null;
  readonly response_code: number | null;
  readonly status: "active" | "failing" | "disabled";
}

export const hookPath = (id: string): string => `/-/npm/v1/hooks/hook/${id}`;

/** What it hears of, in words. */
export function hears({ type, name, events, packages }: Hook): string {
  if (type === "package") return `the package ${name}`;
  if (type === "scope") return `packages below ${name}`;
  if (type === "owner") return `packages that ${name} owns`;
  const what = events ? events.join(", ") : "everything";
  return packages ? `${what}; of packages only ${packages.join(", ")}` : what;
}

/** A secret as Standard Webhooks wants it. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}
