import { useSignal } from "@preact/signals";
import type { DependencyItem } from "../../../../src/dashboard/packages/dependencies.ts";
import { plural } from "../../format.ts";
import { Loaded } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { graphOf, type Graph, type GraphNode } from "./tree.ts";
import { addressOf } from "./place.ts";

/** of a box, of the space between two columns, and from one row to the next */
const [width, height, between, step] = [216, 28, 64, 38];
const longest = 25;

interface Props {
  readonly name: string;
  readonly version: string;
  readonly items: readonly DependencyItem[];
}

/** What a version brings with it, as a picture: each package once, a column further with each step. */
export function DependencyGraph({ name, version, items }: Props) {
  const graph = useResource((signal) => graphOf({ name, version }, items, signal), [name, version]);
  return (
    <Loaded of={graph} what="Following the dependencies">
      {(found) => (
        <figure class="card graph">
          <Picture graph={found} />
          <figcaption class="faint">
            {plural(found.nodes.length - 1, "package")} up to three steps away, peers and optional
            ones included
            {found.left > 0 && `; ${plural(found.left, "more")} had no room`}. Marked ones are
            outdated, deprecated or vulnerable.
          </figcaption>
        </figure>
      )}
    </Loaded>
  );
}

interface Placed extends GraphNode {
  readonly x: number;
  readonly y: number;
}

function Picture({ graph: { nodes, links } }: { readonly graph: Graph }) {
  /** whose lines stand out */
  const at = useSignal<string | undefined>(undefined);
  const columns = [...Map.groupBy(nodes, ({ depth }) => depth).values()];
  const rows = Math.max(...columns.map(({ length }) => length));
  const placed = new Map(
    columns.flatMap((column, n) =>
      column.map((node, row): [string, Placed] => [
        node.id,
        {
          ...node,
          x: n * (width + between) + 1,
          y: ((rows - column.length) / 2 + row) * step + 1,
        },
      ]),
    ),
  );
  const size = [columns.length * (width + between) - between + 2, rows * step] as const;
  return (
    <div class="graph-scroll" role="region" aria-label="Dependency graph" tabIndex={0}>
      <svg width={size[0]} height={size[1]} viewBox={`0 0 ${size[0]} ${size[1]}`}>
        {links.map(({ from, to }) => {
          const [a, b] = [placed.get(from), placed.get(to)];
          return (
            a &&
            b && (
              <path
                key={`${from} ${to}`}
                class={at.value === from || at.value === to ? "link on" : "link"}
                d={curve(a, b)}
              />
            )
          );
        })}
        {[...placed.values()].map((node) => (
          <Box key={node.id} node={node} onAt={(id) => (at.value = id)} />
        ))}
      </svg>
    </div>
  );
}

/** From the right side of one to the left side of the other; around, where that lies in the same column or before. */
function curve(a: Placed, b: Placed): string {
  const [x1, y1, x2, y2] = [a.x + width, a.y + height / 2, b.x, b.y + height / 2];
  const bend = x2 > x1 ? (x2 - x1) / 2 : between;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function Box({
  node: { id, name, version, tone, marks, x, y },
  onAt,
}: {
  readonly node: Placed;
  readonly onAt: (id: string | undefined) => void;
}) {
  const text = `${name} ${version ?? ""}`.trim();
  const said = [text, ...marks].join(", ");
  const box = (
    <>
      <title>{said}</title>
      <rect width={width} height={height} rx="6" />
      <text x="10" y={height / 2 + 4} aria-hidden="true">
        {text.length > longest ? `${text.slice(0, longest - 9)}…${text.slice(-8)}` : text}
      </text>
      {marks.length > 0 && (
        <text class="mark" x={width - 8} y={height / 2 + 5} aria-hidden="true">
          {tone === "plain" ? "?" : "!"}
        </text>
      )}
    </>
  );
  const at = {
    class: `box ${tone}`,
    transform: `translate(${x} ${y})`,
    onMouseEnter: () => onAt(id),
    onMouseLeave: () => onAt(undefined),
  };
  if (version === undefined) return <g {...at}>{box}</g>;
  return (
    <a
      {...at}
      href={addressOf(name, version)}
      onFocus={() => onAt(id)}
      onBlur={() => onAt(undefined)}
    >
      {box}
    </a>
  );
}
