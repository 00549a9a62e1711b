import { useSignal } from "@preact/signals";
import { byteFields, terminalModes, type ByteField } from "@citadel/core/fields";
import { notify } from "../../announce.ts";
import { Field, Switch } from "../../parts/field.tsx";
import { failureOf } from "../../resource.ts";
import { session } from "../../session.ts";
import { decode, meaning } from "./bytes.ts";
import { pending, setRegistry, write } from "./state.ts";

/** What the bytes mean, to be changed as what it is. */
export const Fields = ({
  text,
  values,
}: {
  readonly text: string;
  readonly values: readonly number[];
}) => {
  const now = decode(text);
  return (
    <div class="columns">
      <section class="card" aria-labelledby="features">
        <h2 id="features">Features</h2>
        {now.features.map(({ name, on }, bit) => (
          <Switch
            key={name}
            label={name}
            on={on}
            disabled={pending.value.some(({ offset }) => offset === flags)}
            onToggle={() => {
              const from = values[flags] ?? 0;
              void write({ offset: flags, from, to: from ^ (1 << bit) });
            }}
          >
            <span class="faint">{meaning[name]}</span>
          </Switch>
        ))}
      </section>
      <section class="card" aria-labelledby="fields">
        <h2 id="fields">Fields</h2>
        <Whole name="version" label="Version" help="Yours: any number." value={now.version} />
        <div class="field">
          <label for="mode">Terminal</label>
          <select
            id="mode"
            value={now.terminalMode}
            onChange={({ currentTarget: { value } }) =>
              void write({
                offset: byteFields.terminalMode.offset,
                from: values[byteFields.terminalMode.offset] ?? 0,
                to: terminalModes.findIndex((mode) => mode === value),
              })
            }
          >
            {terminalModes.map((mode) => (
              <option key={mode}>{mode}</option>
            ))}
          </select>
        </div>
        <Whole name="rows" label="Rows" help="1 to 255" value={now.rows} />
        <Whole name="cols" label="Columns" help="1 to 255" value={now.cols} />
        <Registry hash={now.registryHash} />
      </section>
    </div>
  );
};

/** the byte with the features that have names */
const flags = 8;

/** A whole number that is written when the field is left, or with Enter. */
function Whole({
  name,
  label,
  help,
  value,
}: {
  readonly name: ByteField;
  readonly label: string;
  readonly help: string;
  readonly value: number;
}) {
  const { offset, least, most } = byteFields[name];
  const typed = useSignal<string | undefined>(undefined);
  const to = Number(typed.value);
  const good =
    typed.value === undefined || (/^\d{1,3}$/.test(typed.value) && to >= least && to <= most);
  const commit = (): void => {
    if (typed.value === undefined || !good) return;
    typed.value = undefined;
    void write({ offset, from: value, to });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        commit();
      }}
      onFocusOut={commit}
      onKeyDown={(event) => {
        if (event.key === "Escape") typed.value = undefined;
      }}
    >
      <Field
        label={label}
        help={help}
        inputMode="numeric"
        value={typed.value ?? String(value)}
        error={good ? undefined : `From ${least} to ${most}.`}
        onInput={(text) => (typed.value = text)}
      />
    </form>
  );
}

function Registry({ hash }: { readonly hash: string }) {
  const address = useSignal(session.value?.registry ?? "");
  const error = useSignal<string | undefined>(undefined);
  const set = async (): Promise<void> => {
    try {
      await setRegistry(address.value.trim());
      error.value = undefined;
      notify("The hash is that of this address");
    } catch (thrown) {
      error.value = failureOf(thrown).message;
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void set();
      }}
    >
      <Field
        label="Registry"
        help={
          <>
            Hash <code>{hash}</code>: says which registry it is, and proves nothing.
          </>
        }
        value={address.value}
        error={error.value}
        onInput={(text) => (address.value = text)}
      />
      <button type="submit">Write its hash</button>
    </form>
  );
}
