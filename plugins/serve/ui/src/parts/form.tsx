import type { ComponentChildren } from "preact";
import { useAttempt } from "../resource.ts";
import { Dialog } from "./dialog.tsx";
import { Failed } from "./state.tsx";

/** A form in a dialog; stays with what was typed, and says why, when it is refused. */
export function FormDialog({
  title,
  action,
  children,
  onClose,
  send,
}: {
  readonly title: string;
  /** what the button says */
  readonly action: string;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
  readonly send: () => Promise<void>;
}) {
  const { failure, busy, go } = useAttempt(send);
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        {children}
        {failure.value && <Failed failure={failure.value} />}
        <button type="submit" class="primary" disabled={busy.value}>
          {action}
        </button>
      </form>
    </Dialog>
  );
}
