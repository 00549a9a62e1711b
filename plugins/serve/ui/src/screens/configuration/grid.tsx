import { useSignal } from "@preact/signals";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { addressOf, both, bytes, two, type ByteInfo } from "./bytes.ts";
import { flashing, pending, write } from "./state.ts";

/** The thirteen bytes, each a cell: arrow keys go through them, Enter edits one. */
export function Grid({ values }: { readonly values: readonly number[] }) {
  const at = useSignal(0);
  const editing = useSignal<number | undefined>(undefined);
  /** why a byte is not changed */
  const refusal = useSignal<string | undefined>(undefined);
  const id = useId();
  const grid = useRef<HTMLDivElement>(null);
  const focus = (offset: number): void => {
    at.value = Math.min(Math.max(offset, 0), bytes.length - 1);
    grid.current?.querySelectorAll<HTMLElement>("button")[at.value]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (editing.value !== undefined) return;
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: at.value + 1,
      ArrowLeft: at.value - 1,
      Home: 0,
      End: bytes.length - 1,
    };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focus(to);
  };
  const back = useRef(false);
  /** @param stay whether the focus goes back to the byte: not when somebody has gone elsewhere */
  const end = (stay: boolean): void => {
    back.current ||= stay;
    editing.value = undefined;
    refusal.value = undefined;
  };
  // before the next key is heard
  useLayoutEffect(() => {
    if (editing.value !== undefined || !back.current) return;
    back.current = false;
    focus(at.value);
  }, [editing.value]);
  return (
    <>
      <div
        ref={grid}
        class="bytes"
        role="grid"
        aria-label="The thirteen bytes"
        onKeyDown={onKeyDown}
      >
        <div role="row">
          {bytes.map((info) => {
            const { offset, name, fixed } = info;
            const value = values[offset] ?? 0;
            const state = [
              flashing.value.has(offset) && "flash",
              pending.value.some((edit) => edit.offset === offset) && "pending",
              fixed !== undefined && "fixed",
            ];
            return (
              <div
                key={offset}
                role="gridcell"
                class={`byte ${state.filter(Boolean).join(" ")}`}
                aria-readonly={fixed !== undefined}
              >
                <span class="offset" aria-hidden="true">
                  {two(offset).toUpperCase()}
                </span>
                {editing.value === offset ? (
                  <Editor
                    info={info}
                    value={value}
                    wrong={refusal.value === undefined ? undefined : id}
                    onWrong={(why) => (refusal.value = why)}
                    onEnd={end}
                  />
                ) : (
                  <button
                    type="button"
                    tabIndex={at.value === offset ? 0 : -1}
                    aria-label={`byte ${addressOf(offset)}, ${name}, ${both(value)}`}
                    onFocus={() => (at.value = offset)}
                    onClick={() => {
                      refusal.value = fixed && `Byte ${addressOf(offset)} is not edited: ${fixed}.`;
                      if (fixed === undefined) editing.value = offset;
                    }}
                  >
                    {two(value)}
                  </button>
                )}
                <span class="name" aria-hidden="true">
                  {name}
                </span>
              </div>
            );
          })}
        </div>
      </div>
      {refusal.value !== undefined && (
        <p class="error" id={id} role="alert">
          {refusal}
        </p>
      )}
    </>
  );
}

/** Two hexadecimal digits; the second one writes, Esc gives up. */
function Editor({
  info: { offset, name, least, most },
  value,
  wrong,
  onWrong,
  onEnd,
}: {
  readonly info: ByteInfo;
  readonly value: number;
  /** id of what says why it was not taken */
  readonly wrong: string | undefined;
  readonly onWrong: (why: string) => void;
  readonly onEnd: (stay: boolean) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  // what stood there when somebody began: a change from elsewhere in the meantime must not be overwritten unseen
  const before = useRef(value);
  useLayoutEffect(() => field.current?.select(), []);
  const typed = (text: string): void => {
    if (field.current && !/^[\da-f]{0,2}$/i.test(text))
      field.current.value = text.replace(/[^\da-f]/gi, "").slice(0, 2);
    if (!/^[\da-f]{2}$/i.test(text)) return;
    const to = Number.parseInt(text, 16);
    if (to < least || to > most) {
      onWrong(`${name} is from ${least} to ${most}, hex ${two(least)} to ${two(most)}.`);
      field.current?.select();
      return;
    }
    onEnd(true);
    void write({ offset, from: before.current, to });
  };
  return (
    <input
      ref={field}
      defaultValue={two(before.current)}
      maxLength={2}
      inputMode="text"
      autoComplete="off"
      autoCapitalize="none"
      spellcheck={false}
      aria-label={`New value of byte ${addressOf(offset)}, ${name}, two hexadecimal digits`}
      {...(wrong !== undefined && { "aria-invalid": true, "aria-describedby": wrong })}
      onInput={(event) => typed(event.currentTarget.value)}
      onBlur={() => onEnd(false)}
      onKeyDown={(event) => {
        if (event.key === "Escape") onEnd(true);
        if (event.key === "Enter") typed(event.currentTarget.value.padStart(2, "0"));
      }}
    />
  );
}
