import { bit, flag, mask, offset, op, text, time, u16, u32, u8, type Field } from "./fields.ts";
import type { FrameType } from "./messages.ts";

/** What may stand in the flags of a frame: `needed` must, `allowed` may. */
export interface Layout {
  readonly fields: readonly (readonly [name: string, field: Field<never>])[];
  readonly reply: "always" | "never" | "either";
  readonly force: boolean;
}

type Layouts = Readonly<Partial<Record<FrameType, Layout>>>;

const layout = (
  fields: Readonly<Record<string, object>>,
  reply: Layout["reply"],
  force = false,
): Layout => ({ fields: Object.entries(fields) as unknown as Layout["fields"], reply, force });

/** ms and generation, the same both ways */
const beat = { time, generation: u32 };

export const clientLayouts: Layouts = {
  config_byte: layout({ offset, expect: u8, value: u8 }, "never", true),
  feature: layout({ bit, op }, "never"),
  heartbeat: layout(beat, "never"),
  command: layout({ line: text(1024, false) }, "never"),
  subscribe: layout({ topics: mask }, "never"),
};

/** A broadcast has a layout for each topic, see `bodies.ts`. */
export const serverLayouts: Layouts = {
  config_byte: layout({ offset, old: u8, new: u8, generation: u32 }, "either"),
  feature: layout({ bit, state: flag, flags: u32, generation: u32 }, "either"),
  heartbeat: layout(beat, "always"),
  error: layout({ code: u16, of: u8, detail: u8, text: text(512, true) }, "either"),
  broadcast: layout({}, "never"),
  command: layout({ exit: u8 }, "always"),
  subscribe: layout({ topics: mask }, "always"),
};
