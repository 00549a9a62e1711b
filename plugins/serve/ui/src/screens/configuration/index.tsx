import { useEffect } from "preact/hooks";
import { plural } from "../../format.ts";
import { Connection } from "../../parts/connection.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Page } from "../../parts/page.tsx";
import { Failed, sentence, Wait } from "../../parts/state.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { addressOf, bytes, forms, valuesOf } from "./bytes.ts";
import { Fields } from "./fields.tsx";
import { Grid } from "./grid.tsx";
import { config, done, failure, load, pending, refused, undo, write } from "./state.ts";
import { followConfig } from "./follow.ts";

/** The thirteen bytes: seen, changed, and followed as others change them. */
export default function ConfigurationScreen() {
  useEffect(() => {
    void load();
    return followConfig();
  }, []);
  const now = config.value;
  return (
    <Page
      title="Configuration"
      lead="Thirteen bytes that a running registry follows at once. Each change is one write of one byte."
      actions={
        <>
          <Connection />
          <button type="button" disabled={done.value.length === 0} onClick={() => void undo()}>
            <Icon name="undo" />
            Undo
          </button>
        </>
      }
    >
      {failure.value && <Failed failure={failure.value} again={() => void load()} />}
      {!now && !failure.value && <Wait what="Reading the configuration" />}
      {now && (
        <>
          <Grid values={valuesOf(now.hex)} />
          <p class="faint">
            Arrow keys go from byte to byte, Enter edits, two hexadecimal digits write, Esc gives
            up. {plural(now.generation, "change")} since the server has started.
          </p>
          <Pending />
          <Refusal />
          <Fields text={now.hex} values={valuesOf(now.hex)} />
          <section aria-labelledby="copy">
            <h2 id="copy">Take it elsewhere</h2>
            <Tabs
              label="Form"
              tabs={forms.map(({ name, write: formOf }) => ({
                name,
                content: () => (
                  <div class="block">
                    <pre tabIndex={0}>{formOf(now.hex)}</pre>
                    <Copy text={formOf(now.hex)} what={`the configuration as ${name}`} />
                  </div>
                ),
              }))}
            />
          </section>
        </>
      )}
    </Page>
  );
}

const nameOf = (offset: number): string => bytes[offset]?.name ?? "";

/** What is on its way to the file. */
const Pending = () =>
  pending.value.length === 0 ? null : (
    <p class="notice" role="status">
      <span>
        Being written:{" "}
        {pending.value.map(({ offset, from, to }) => (
          <span key={offset}>
            <code>{addressOf(offset)}</code> {nameOf(offset)} <del>{from}</del> →{" "}
            <ins>{to}</ins>{" "}
          </span>
        ))}
      </span>
    </p>
  );

/** A write that was refused, with what stands there and what was wanted. */
const Refusal = () => {
  const no = refused.value;
  if (!no) return null;
  const { offset, from, to, failure: why } = no;
  return (
    <div class="notice warn" role="alert">
      <Icon name="warning" />
      <div>
        <p>
          <strong>{sentence(why.message)}</strong>
        </p>
        <p>
          Byte <code>{addressOf(offset)}</code>, {nameOf(offset)}: it is <strong>{from}</strong>,
          you wanted <strong>{to}</strong>.
        </p>
        <div class="row">
          <button type="button" onClick={() => void write({ offset, from, to })}>
            Write {to} all the same
          </button>
          <button type="button" onClick={() => (refused.value = undefined)}>
            Leave it at {from}
          </button>
        </div>
      </div>
    </div>
  );
};
