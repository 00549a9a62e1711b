import type { VersionItem } from "../../../../src/dashboard/packages/overview.ts";
import { plural } from "../../format.ts";

const lanes = 8;
const laneHeight = 26;
const width = 1000;
const left = 56;

interface Dot {
  readonly x: number;
  readonly item: VersionItem;
  readonly kind: "plain" | "next" | "old" | "tagged";
}

/** When versions came out, a line for each major: what the table below says, as a picture. */
export function History({ versions }: { readonly versions: readonly VersionItem[] }) {
  const dated = versions.filter(({ time }) => time !== null);
  if (dated.length < 3) return null;
  const times = dated.map(({ time }) => Date.parse(time ?? ""));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const xOf = (item: VersionItem): number =>
    left + ((Date.parse(item.time ?? "") - first) / (last - first || 1)) * (width - left - 24);
  const majors = [...Map.groupBy(dated, ({ version }) => version.split(".", 1)[0] ?? "")];
  const rows = majors.slice(0, lanes).map(([major, items]) => ({
    major,
    dots: items.map((item): Dot => ({ x: xOf(item), item, kind: kindOf(item) })),
  }));
  const height = rows.length * laneHeight + 26;
  const label = `${plural(dated.length, "version")} of ${plural(majors.length, "major")}, from ${day(first)} to ${day(last)}; the newest is ${dated[0]?.version ?? ""}`;
  return (
    <figure class="card history" tabIndex={0}>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
        {rows.map(({ major, dots }, n) => (
          <g key={major} transform={`translate(0 ${n * laneHeight + 16})`}>
            <text class="lane" x="0" y="5">
              {major}.x
            </text>
            <path
              class="rail"
              d={`M${Math.min(...dots.map(({ x }) => x))} 0H${Math.max(...dots.map(({ x }) => x))}`}
            />
            {dots.map(({ x, item, kind }) => (
              <circle key={item.version} class={kind} cx={x} cy="0" r={kind === "tagged" ? 7 : 5}>
                <title>{`${item.version}${item.tags.map((tag) => `, ${tag}`).join("")}, ${day(Date.parse(item.time ?? ""))}`}</title>
              </circle>
            ))}
          </g>
        ))}
        <text class="lane" x={left} y={height - 4}>
          {day(first)}
        </text>
        <text class="lane end" x={width - 12} y={height - 4}>
          {day(last)}
        </text>
      </svg>
      <figcaption class="faint legend">
        <span class="tagged">with a tag</span>
        <span class="plain">release</span>
        <span class="next">prerelease</span>
        <span class="old">deprecated</span>
        {majors.length > lanes && <> {plural(majors.length - lanes, "older major")} not drawn</>}
      </figcaption>
    </figure>
  );
}

function kindOf({ version, tags, deprecated }: VersionItem): Dot["kind"] {
  if (tags.length > 0) return "tagged";
  if (deprecated !== null) return "old";
  return version.includes("-") ? "next" : "plain";
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
