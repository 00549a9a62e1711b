import type { ComponentChildren } from "preact";
import type { VersionDetails } from "../../../../src/dashboard/packages/version.ts";
import { Badge, Time, type Tone } from "../../parts/badge.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { bytes, count, plural } from "../../format.ts";
import { Outside } from "./notices.tsx";

const formats: Readonly<Record<string, string>> = {
  module: "ES module",
  commonjs: "CommonJS",
  both: "ES module and CommonJS",
};

/** What a version is, at a glance. */
export function Facts({
  details,
  published,
}: {
  readonly details: VersionDetails;
  /** ISO 8601; null where nobody says */
  readonly published: string | null;
}) {
  const { facts, license, by } = details;
  const { unpackedSize, size, files } = facts;
  const engines = Object.entries(facts.engines);
  return (
    <section class="card side" aria-labelledby="facts">
      <h2 id="facts">About {details.version}</h2>
      <dl class="pairs">
        {published !== null && (
          <Pair name="Published">
            <Time at={published} />
            {by !== null && <> by {by}</>}
          </Pair>
        )}
        <Pair name="Licence">{license ?? <Badge tone="warn">none given</Badge>}</Pair>
        <Pair name="Format">{formats[facts.format]}</Pair>
        <Pair name="Types">{facts.types ? "included" : "none declared"}</Pair>
        {(unpackedSize !== null || size !== null) && (
          <Pair name="Size">
            {unpackedSize !== null && <>{bytes(unpackedSize)} installed</>}
            {unpackedSize !== null && size !== null && <br />}
            {size !== null && <span class="faint">{bytes(size)} to download</span>}
            {files !== null && <span class="faint">, {count(files)} files</span>}
          </Pair>
        )}
        {engines.length > 0 && (
          <Pair name="Needs">
            {engines.map(([name, range]) => (
              <div key={name}>
                {name} <code>{range}</code>
              </div>
            ))}
          </Pair>
        )}
        {facts.os.length + facts.cpu.length > 0 && (
          <Pair name="Runs on">{[...facts.os, ...facts.cpu].join(", ")}</Pair>
        )}
        {facts.bin.length > 0 && (
          <Pair name="Programs">
            {facts.bin.map((name) => (
              <code key={name} class="chip">
                {name}
              </code>
            ))}
          </Pair>
        )}
        <Pair name="Scripts">
          {facts.installScripts.length === 0 ? (
            "none on install"
          ) : (
            <Badge tone="bad" icon="warning">
              runs on install
            </Badge>
          )}
        </Pair>
      </dl>
      {facts.installScripts.length > 0 && (
        <ul class="scripts">
          {facts.installScripts.map(({ name, command }) => (
            <li key={name}>
              <strong>{name}</strong> <code>{command}</code>
            </li>
          ))}
        </ul>
      )}
      <Links details={details} />
    </section>
  );
}

function Links({ details }: { readonly details: VersionDetails }) {
  const links = [
    ["Homepage", details.homepage],
    ["Repository", details.repository],
    ["Issues", details.bugs],
  ] as const;
  const there = links.filter(([, to]) => to !== null);
  if (there.length === 0) return null;
  return (
    <ul class="links">
      {there.map(([name, to]) => (
        <li key={name}>
          <Outside to={to ?? ""}>
            {name} <Icon name="external" />
          </Outside>
        </li>
      ))}
    </ul>
  );
}

const signatures: Readonly<
  Record<string, readonly [tone: "good" | "bad" | "plain", text: string]>
> = {
  good: ["good", "by this registry"],
  bad: ["bad", "wrong"],
  upstream: ["plain", "passed on, not checked here"],
  none: ["plain", "none"],
};

const verdicts: Readonly<Record<string, readonly [tone: Tone, icon: IconName, text: string]>> = {
  none: ["plain", "info", "no rules"],
  allowed: ["good", "check", "let through"],
  "would-refuse": ["warn", "warning", "would be refused"],
  refused: ["bad", "stop", "refused"],
};

function Verdict({ state }: VersionDetails["policy"]) {
  const [tone, icon, text] = verdicts[state] ?? ["plain", "info", state];
  return (
    <Badge tone={tone} icon={icon}>
      {text}
    </Badge>
  );
}

/** What is known against a version, and whether anybody has looked. */
function Advisories({ details: { advisories, advised } }: { readonly details: VersionDetails }) {
  if (advised === null) return <>not checked: this registry has none</>;
  return (
    <>
      {advisories.length > 0 ? (
        <Badge tone="bad" icon="stop">
          {plural(advisories.length, "vulnerability", "vulnerabilities")}
        </Badge>
      ) : (
        <Badge tone="good" icon="check">
          none
        </Badge>
      )}
      <div class="faint">
        of those brought in <Time at={advised} />
      </div>
    </>
  );
}

/** Who vouches for a version. */
export function Trust({ details }: { readonly details: VersionDetails }) {
  const { trust, policy, maintainers } = details;
  const [tone, text] = signatures[trust.signature] ?? ["plain", trust.signature];
  const { built } = trust;
  return (
    <section class="card side" aria-labelledby="trust">
      <h2 id="trust">Trust</h2>
      <dl class="pairs">
        <Pair name="Signature">
          <Badge tone={tone} {...(tone === "good" && { icon: "check" as const })}>
            {text}
          </Badge>
        </Pair>
        <Pair name="Provenance">
          {trust.provenance === null ? "none" : <Badge tone="accent">comes with it</Badge>}
          {built && (
            <div class="faint">
              says it was built from{" "}
              {built.repository === null ? (
                "a repository"
              ) : (
                <Outside to={built.repository}>
                  {built.repository.replace(/^https?:\/\//, "")}
                </Outside>
              )}
              {built.commit !== null && (
                <>
                  {" "}
                  at <code>{built.commit.slice(0, 10)}</code>
                </>
              )}
            </div>
          )}
        </Pair>
        <Pair name="Advisories">
          <Advisories details={details} />
        </Pair>
        {details.origin !== "here" && (
          <Pair name="Policy">
            <Verdict {...policy} />
          </Pair>
        )}
        {trust.integrity !== null && (
          <Pair name="Integrity">
            <span class="hash">
              <code>{trust.integrity.slice(0, 21)}…</code>
              <Copy text={trust.integrity} what="the integrity" />
            </span>
          </Pair>
        )}
        {maintainers.length > 0 && <Pair name="Owners">{maintainers.join(", ")}</Pair>}
      </dl>
    </section>
  );
}

const Pair = ({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
