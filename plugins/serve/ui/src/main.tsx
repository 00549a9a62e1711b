import { render } from "preact";
import "./style.css";
import { notify } from "./announce.ts";
import { isFailure } from "./api.ts";
import { listenToKeys } from "./keys.ts";
import { followLinks } from "./router.ts";
import { loadSession, signIn, takeLink } from "./session.ts";
import { sentence } from "./parts/state.tsx";
import { Shell } from "./shell.tsx";

const link = takeLink();
followLinks();
listenToKeys();
render(<Shell />, document.getElementById("app") as HTMLElement);

async function begin(): Promise<void> {
  if (link !== undefined)
    try {
      return await signIn({ link });
    } catch (error) {
      notify(isFailure(error) ? sentence(error.message) : "The link does not work.", "bad");
    }
  await loadSession();
}
void begin();
