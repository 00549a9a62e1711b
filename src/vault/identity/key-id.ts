import type { JWK } from "jose";
import { hash } from "../hash.ts";

/** RFC 7638 thumbprint of an Ed25519 key (RFC 8037, appendix A.3). */
export const keyId = ({ crv, kty, x }: JWK): string => hash(JSON.stringify({ crv, kty, x }));
