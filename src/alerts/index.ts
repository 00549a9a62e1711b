export { alertNames, type AlertName } from "./names.ts";
export { createSilences, silenceItem, type Silence, type Silences } from "./silences.ts";
