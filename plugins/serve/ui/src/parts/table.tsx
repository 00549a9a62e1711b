import type { ComponentChildren } from "preact";

/** A table that scrolls in itself where the window is narrow. */
export const Table = ({
  label,
  head,
  children,
}: {
  readonly label: string;
  /** names of columns; those that begin with `#` hold numbers */
  readonly head: readonly string[];
  readonly children: ComponentChildren;
}) => (
  <div class="table" role="region" aria-label={label} tabIndex={0}>
    <table>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col" class={name.startsWith("#") ? "number" : ""}>
              {name.replace(/^#/, "")}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
