import { useSignal } from "@preact/signals";
import { notify } from "../announce.ts";
import { Icon } from "./icon.tsx";

/** Puts a text on the clipboard and says so. */
export async function copyText(text: string, what = "text"): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    notify(`Copied: ${what}`);
    return true;
  } catch {
    notify("The browser does not let this page use the clipboard", "bad");
    return false;
  }
}

export interface CopyProps {
  readonly text: string;
  /** what it is, for the name of the button: `the install line` */
  readonly what: string;
}

/** A button that copies. */
export function Copy({ text, what }: CopyProps) {
  const done = useSignal(false);
  const copy = async (): Promise<void> => {
    done.value = await copyText(text, what);
    if (done.value) setTimeout(() => (done.value = false), 1500);
  };
  return (
    <button
      type="button"
      class="quiet square"
      aria-label={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <Icon name={done.value ? "check" : "copy"} />
    </button>
  );
}

/** A line for the command line, with a button that copies it. */
export const CopyLine = (props: CopyProps) => (
  <div class="line">
    <code tabIndex={0}>{props.text}</code>
    <Copy {...props} />
  </div>
);
