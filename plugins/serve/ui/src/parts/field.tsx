import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly help?: ComponentChildren;
  /** what is wrong with it */
  readonly error?: string | undefined;
  /** not shown while it is typed @default false */
  readonly secret?: boolean;
  readonly autoComplete?: string;
  readonly inputMode?: "numeric";
  readonly placeholder?: string;
  readonly required?: boolean;
}

/** A text field with its label; what is wrong with it is said with it. */
export function Field({ label, help, error, onInput, secret = false, ...input }: FieldProps) {
  const id = useId();
  const about = [help !== undefined && `${id}-help`, error !== undefined && `${id}-error`]
    .filter(Boolean)
    .join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...input}
        {...(secret ? { type: "password" } : { type: "text" })}
        id={id}
        autoCapitalize="none"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
        {...(about !== "" && { "aria-describedby": about })}
        {...(error !== undefined && { "aria-invalid": true })}
      />
      {help !== undefined && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
      {error !== undefined && (
        <p class="error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

/** Something that is on or off, and switches at once. */
export const Switch = ({
  label,
  on,
  disabled = false,
  children,
  onToggle,
}: {
  readonly label: string;
  readonly on: boolean;
  readonly disabled?: boolean;
  readonly children?: ComponentChildren;
  readonly onToggle: () => void;
}) => (
  <button
    type="button"
    class="switch"
    role="switch"
    aria-checked={on}
    disabled={disabled}
    onClick={onToggle}
  >
    <span class="track" aria-hidden="true" />
    <span class="switch-label">
      <strong>{label}</strong>
      {children}
    </span>
  </button>
);
