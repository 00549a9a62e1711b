import "./style.css";
import "./terminal/terminal.css";
import { begin } from "./terminal/page.ts";

// the terminal makes style elements of its own: each gets the number that the page's policy asks for
const { nonce } = document.querySelector<HTMLScriptElement>("script[nonce]") ?? {};
const make = document.createElement.bind(document);
document.createElement = ((tag: string, options?: ElementCreationOptions) => {
  const element = make(tag, options);
  if (tag.toLowerCase() === "style" && nonce !== undefined) element.nonce = nonce;
  return element;
}) as typeof document.createElement;

void begin(document.getElementById("app") as HTMLElement);
