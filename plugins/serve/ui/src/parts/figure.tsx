import type { ComponentChildren } from "preact";

/** A number that somebody should see first, and what it is. */
export const Figure = ({
  label,
  value,
  children,
}: {
  readonly label: string;
  readonly value: string;
  readonly children?: ComponentChildren;
}) => (
  <div class="figure">
    <dt>{label}</dt>
    <dd>
      <strong>{value}</strong>
      {children !== undefined && <span class="faint">{children}</span>}
    </dd>
  </div>
);
