import type { ComponentChildren } from "preact";
import { ago } from "../format.ts";
import { Icon, type IconName } from "./icon.tsx";

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";

/** A word or two about the state of something. Colour never says it alone. */
export const Badge = ({
  tone = "plain",
  icon,
  children,
}: {
  readonly tone?: Tone;
  readonly icon?: IconName;
  readonly children: ComponentChildren;
}) => (
  <span class={`badge ${tone}`}>
    {icon && <Icon name={icon} />}
    {children}
  </span>
);

/** A time as people say it, with the exact one behind it. */
export const Time = ({ at }: { readonly at: string }) => (
  <time dateTime={at} title={new Date(at).toLocaleString("en-GB", { timeZoneName: "short" })}>
    {ago(at)}
  </time>
);
