export * from "./messages.ts";
export { decodeClient, decodeServer, encodeClient, encodeServer } from "./binary.ts";
export { decodeClientText, decodeServerText, encodeText } from "./text.ts";
export { sampleOf } from "./bodies.ts";
