/** An OSV record, as far as tests need one. */
export interface OsvInput {
  readonly id: string;
  readonly name: string;
  readonly events?: readonly Readonly<Record<string, string>>[];
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A record in the form of GitHub's database, as OSV gives it out. */
export function osv({ id, name, events = [{ introduced: "0" }], more = {} }: OsvInput): string {
  return JSON.stringify({
    schema_version: "1.7.3",
    id,
    modified: "2026-05-01T10:00:00Z",
    published: "2026-04-01T10:00:00Z",
    aliases: ["CVE-2026-12345"],
    summary: `Something bad in ${name}`,
    severity: [{ type: "CVSS_V3", score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" }],
    affected: [{ package: { ecosystem: "npm", name }, ranges: [{ type: "SEMVER", events }] }],
    references: [{ type: "WEB", url: "https://example.invalid/" }],
    database_specific: { cwe_ids: ["CWE-79"], severity: "HIGH", github_reviewed: true },
    ...more,
  });
}
