import { useSignal } from "@preact/signals";
import { codeAsked } from "../api.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/field.tsx";

/** Asks for a one-time password when the server wants one for what somebody does. */
export function CodeDialog() {
  const code = useSignal("");
  const answer = codeAsked.value;
  if (!answer) return null;
  return (
    <Dialog title="One-time password" onClose={() => answer(undefined)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          answer(code.value.trim());
          code.value = "";
        }}
      >
        <Field
          label="Code"
          help="From your authenticator app, or one of your recovery codes."
          value={code.value}
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          onInput={(text) => (code.value = text)}
        />
        <button type="submit" class="primary">
          Go on
        </button>
      </form>
    </Dialog>
  );
}
