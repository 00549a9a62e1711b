import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { isFailure, type Failure } from "../api.ts";
import { unexpected } from "../resource.ts";
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
  const failure = useSignal<Failure | undefined>(undefined);
  const busy = useSignal(false);
  const submit = async (): Promise<void> => {
    busy.value = true;
    try {
      await send();
    } catch (error) {
      failure.value = isFailure(error) ? error : unexpected(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
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
