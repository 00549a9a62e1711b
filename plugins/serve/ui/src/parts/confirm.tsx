import type { ComponentChildren } from "preact";
import { useAttempt } from "../resource.ts";
import { Dialog } from "./dialog.tsx";
import { Failed } from "./state.tsx";

/** Asks before something that cannot be taken back; stays, and says why, when it fails. */
export function Confirm({
  title,
  action,
  children,
  onClose,
  run,
}: {
  readonly title: string;
  /** what the button says */
  readonly action: string;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
  readonly run: () => Promise<void>;
}) {
  const { failure, busy, go } = useAttempt(async () => {
    await run();
    onClose();
  });
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {failure.value && <Failed failure={failure.value} />}
      <div class="row">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={busy.value} onClick={() => void go()}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
