export { createKeys, signatureProblem, type Keys, type PublicKey, type Signature } from "./keys.ts";
export { purposes, type KeyAlgorithm, type Purpose } from "./kind.ts";
