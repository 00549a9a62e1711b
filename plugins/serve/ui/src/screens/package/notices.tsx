import type { ComponentChildren } from "preact";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { Badge } from "../../parts/badge.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { sentence } from "../../parts/state.tsx";

/** What somebody should know before they use a version, the worst first. */
export const Notices = ({
  details,
  overview,
}: {
  readonly details: VersionDetails;
  readonly overview: Overview;
}) => (
  <>
    {details.advisories.length > 0 && (
      <Notice tone="bad" icon="stop" title="Known vulnerabilities in this version">
        <ul class="bare">
          {details.advisories.map(({ id, title, url, severity, patched }) => (
            <li key={id}>
              <Badge tone={severity === "high" || severity === "critical" ? "bad" : "warn"}>
                {severity}
              </Badge>{" "}
              {url === null ? title : <Outside to={url}>{title}</Outside>}{" "}
              <span class="faint">
                {id}
                {patched !== "" && patched !== "<0.0.0" && `, fixed in ${patched}`}
              </span>
            </li>
          ))}
        </ul>
      </Notice>
    )}
    {details.trust.signature === "bad" && (
      <Notice tone="bad" icon="stop" title="The registry's signature does not fit this version">
        <p>{sentence(details.trust.problem ?? "it is wrong")}</p>
      </Notice>
    )}
    {details.deprecated !== null && (
      <Notice tone="warn" icon="warning" title="This version is deprecated">
        <p>{details.deprecated}</p>
      </Notice>
    )}
    {details.policy.state === "would-refuse" && (
      <Notice
        tone="warn"
        icon="warning"
        title="The policy would refuse this version, were it enforced"
      >
        <p>{sentence(details.policy.reason ?? "")}</p>
      </Notice>
    )}
    {lostProof(details, overview) && (
      <Notice tone="warn" icon="warning" title="Less is proven of this version than of one before">
        <p>
          {lostProof(details, overview)} came with a provenance, which says where it was built; this
          one has none.
        </p>
      </Notice>
    )}
  </>
);

/** The newest version before this one that had a provenance which this one lacks. */
function lostProof({ version }: VersionDetails, { versions }: Overview): string | undefined {
  const at = versions.findIndex((one) => one.version === version);
  if (at < 0 || versions[at]?.attested) return undefined;
  return versions.slice(at + 1).find(({ attested }) => attested)?.version;
}

const Notice = ({
  tone,
  icon,
  title,
  children,
}: {
  readonly tone: "bad" | "warn";
  readonly icon: IconName;
  readonly title: string;
  readonly children: ComponentChildren;
}) => (
  <section class={`notice ${tone}`} aria-label={title}>
    <Icon name={icon} />
    <div>
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  </section>
);

/** A link that leaves the registry. */
export const Outside = ({
  to,
  children,
}: {
  readonly to: string;
  readonly children: ComponentChildren;
}) => (
  <a href={to} rel="nofollow ugc noopener noreferrer">
    {children}
  </a>
);
