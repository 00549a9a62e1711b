export {
  createKeys,
  npmKeys,
  signatureProblem,
  type Keys,
  type PublicKey,
  type Signature,
} from "./keys.ts";
export { createJwts, longestJwt, type JwtAlgorithm, type JwtClaims, type Jwts } from "./jwts.ts";
export { purposes, type KeyAlgorithm, type Purpose } from "./kind.ts";
