import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { notify } from "../../announce.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { changePolicy } from "./types.ts";

const dayLong = 86_400_000;
const periods = { 0: "for good", 7: "for 7 days", 30: "for 30 days", 90: "for 90 days" } as const;

/** Asks why, and for how long, a version is let in. */
export function GrantDialog({
  pattern,
  range,
  why = "",
  request,
  children,
  onClose,
  changed,
}: {
  readonly pattern: string;
  readonly range: string | undefined;
  /** what is proposed as the reason */
  readonly why?: string;
  /** id of the request that is approved by it */
  readonly request?: string;
  readonly children?: ComponentChildren;
  readonly onClose: () => void;
  readonly changed: () => void;
}) {
  const reason = useSignal(why);
  const days = useSignal(0);
  const id = useId();
  const what = range === undefined ? pattern : `${pattern}@${range}`;
  return (
    <FormDialog
      title={`Let ${what} in?`}
      action="Let in"
      onClose={onClose}
      send={async () => {
        const grant = {
          ...{ pattern, reason: reason.value.trim() },
          ...(range !== undefined && { range }),
          ...(days.value > 0 && {
            until: new Date(Date.now() + days.value * dayLong).toISOString(),
          }),
        };
        await changePolicy(
          request === undefined
            ? { type: "except", grant }
            : { type: "approve", id: request, grant },
        );
        notify(`${what} is let in`);
        onClose();
        changed();
      }}
    >
      {children}
      <Field label="Why" value={reason.value} required onInput={(text) => (reason.value = text)} />
      <div class="field">
        <label for={id}>For how long</label>
        <select
          id={id}
          value={days.value}
          onChange={({ currentTarget: { value } }) => (days.value = Number(value))}
        >
          {Object.entries(periods).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </div>
    </FormDialog>
  );
}
