import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { visit } from "../router.ts";

const site = document.body.dataset["site"] ?? "";

/** A screen: its one heading, which gets the focus when somebody comes here by a link, and the title of the window. */
export function Page({
  title,
  heading = title,
  lead,
  actions,
  children,
}: {
  readonly title: string;
  readonly heading?: ComponentChildren;
  readonly lead?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const top = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Citadel · ${site}`;
  }, [title]);
  useEffect(() => {
    // not at the first page of all, where the browser begins at the top by itself
    if (visit.peek() > 0) top.current?.focus({ preventScroll: true });
  }, []);
  return (
    <>
      <div class="page-head">
        <div>
          <h1 ref={top} tabIndex={-1}>
            {heading}
          </h1>
          {lead !== undefined && <p class="lead">{lead}</p>}
        </div>
        {actions !== undefined && <div class="actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}
