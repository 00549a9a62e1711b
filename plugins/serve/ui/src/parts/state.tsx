import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { Failure } from "../api.ts";
import { href, path } from "../router.ts";
import type { Loading } from "../resource.ts";
import { Icon, type IconName } from "./icon.tsx";

/** ms after which something that is fetched is said to be */
const patience = 150;

/** Says after a moment that something is being fetched. */
export function Wait({ what = "Loading" }: { readonly what?: string }) {
  const late = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => (late.value = true), patience);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="wait" role="status">
      {late.value && `${what} …`}
    </p>
  );
}

/** Something that could not be had: never looks as if there were nothing. */
export function Failed({
  failure,
  again,
}: {
  readonly failure: Failure;
  readonly again?: () => void;
}) {
  if (failure.code === "E_AUTH_REQUIRED") return <NeedsSignIn what={failure.message} />;
  return (
    <div class="notice bad" role="alert">
      <Icon name="stop" />
      <div>
        <p>
          <strong>{sentence(failure.message)}</strong>
        </p>
        {failure.hint.map((line) => (
          <p key={line}>{sentence(line)}</p>
        ))}
        <p class="faint">
          <code>{failure.code}</code>
          {failure.requestId !== undefined && (
            <>
              {" "}
              · request <code>{failure.requestId}</code>
            </>
          )}
        </p>
        {again && (
          <button type="button" onClick={again}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}

export const NeedsSignIn = ({ what }: { readonly what: string }) => (
  <Empty icon="key" title="Sign in to see this">
    <p>{sentence(what)}</p>
    <p>
      <a class="button primary" href={href(`/sign-in?to=${encodeURIComponent(path.value)}`)}>
        Sign in
      </a>
    </p>
  </Empty>
);

/** There is nothing, and that is all right. */
export const Empty = ({
  icon = "info",
  title,
  children,
}: {
  readonly icon?: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}) => (
  <div class="empty">
    <Icon name={icon} />
    <h2>{title}</h2>
    {children}
  </div>
);

/** What was fetched, or why it was not. What was known before stays below a failure, greyed. */
export function Loaded<T>({
  of,
  what,
  quiet = false,
  children,
}: {
  readonly of: Loading<T>;
  readonly what?: string;
  /** why it could not be had is said elsewhere on the page */
  readonly quiet?: boolean;
  readonly children: (value: T) => ComponentChildren;
}) {
  const { value, failure } = of.now.value;
  return (
    <>
      {failure && !quiet && <Failed failure={failure} again={of.reload} />}
      {value !== undefined && <div class={failure ? "stale" : ""}>{children(value)}</div>}
      {value === undefined && !failure && <Wait {...(what !== undefined && { what })} />}
    </>
  );
}

export const sentence = (text: string): string => {
  const line = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(line) ? line : `${line}.`;
};
