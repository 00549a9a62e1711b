import { listen, type News } from "../../live.ts";
import { valuesOf, two } from "./bytes.ts";
import { accept, config } from "./state.ts";

/** Follows what others change. @returns ends it */
export const followConfig = (): (() => void) => listen(["config"], hear);

/** first and last byte of the flags */
const flags = [5, 8] as const;

function hear(news: News): void {
  if (news.type === "broadcast") {
    if (news.topic === "config")
      accept({ hex: news.body.bytes, generation: news.body.generation }, false);
    return;
  }
  const before = config.peek();
  if (!before) return;
  const values = [...valuesOf(before.hex)];
  if (news.type === "config_byte") values[news.offset] = news.new;
  else
    for (let at = flags[0]; at <= flags[1]; at++)
      values[at] = (news.flags >>> (8 * (flags[1] - at))) & 0xff;
  accept({ hex: values.map(two).join(""), generation: news.generation }, false);
}
