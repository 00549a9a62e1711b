import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";

export function BlockForm({
  onClose,
  onDone,
}: {
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const address = useSignal("");
  const reason = useSignal("");
  const minutes = useSignal("60");
  const send = async (): Promise<void> => {
    await ask("/_api/security/blocks", {
      method: "POST",
      body: {
        address: address.value.trim(),
        ...(reason.value.trim() !== "" && { reason: reason.value.trim() }),
        minutes: Number(minutes.value),
      },
    });
    notify(`${address.value.trim()} is blocked`);
    onDone();
  };
  return (
    <FormDialog title="Block an address" action="Block" onClose={onClose} send={send}>
      <Field
        label="Address"
        help="IPv4, or IPv6, of which the whole /64 is blocked. Never this machine itself."
        value={address.value}
        required
        onInput={(text) => (address.value = text)}
      />
      <Field
        label="Why"
        value={reason.value}
        placeholder="by an administrator"
        onInput={(text) => (reason.value = text)}
      />
      <Field
        label="Minutes"
        value={minutes.value}
        inputMode="numeric"
        required
        onInput={(text) => (minutes.value = text)}
      />
    </FormDialog>
  );
}
