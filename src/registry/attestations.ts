import { Buffer } from "node:buffer";
import { CitadelError } from "../errors.ts";
import { sha512Bytes } from "../store/keys.ts";
import { isObject } from "./manifest.ts";
import type { Json } from "./types.ts";

/** bytes of a bundle; npm's have about 15 KB */
const largest = 2 ** 20;

/** The statement of how a package was built, by SLSA. */
const provenance = /^https:\/\/slsa\.dev\/provenance\//;

/** Sigstore bundles as they are stored and served: `GET /-/npm/v1/attestations/<name>@<version>`. */
export interface AttestationBundles {
  readonly bytes: Uint8Array;
  /** type of the statement on how it was built */
  readonly provenance: string | undefined;
}

/**
 * Checks the sigstore bundle that came with a version: it must be one, and its statement must be about exactly this version
 * and tarball. Whether its signature is good is for those to check who rely on it.
 * @throws E_INVALID_DOCUMENT, E_MANIFEST_MISMATCH, E_TOO_LARGE
 */
export function attestationsOf(
  bundle: Json,
  about: { readonly name: string; readonly version: string; readonly integrity: string },
): AttestationBundles {
  const statement = statementOf(bundle);
  const { predicateType, subject } = statement;
  if (typeof predicateType !== "string" || !Array.isArray(subject) || subject.length !== 1)
    throw invalid("its statement has no predicateType, or not exactly one subject");
  const [{ name: purl, digest }] = subject as [{ name?: Json; digest?: Json }];
  const expected = purlOf(about.name, about.version);
  if (purl !== expected) throw mismatch(`is about ${shown(purl)}, not about ${expected}`);
  const sha512 = isObject(digest) ? digest["sha512"] : undefined;
  if (sha512 !== sha512Bytes(about.integrity).toString("hex"))
    throw mismatch("is about another tarball: its sha512 is not that of the one published");
  const bytes = Buffer.from(JSON.stringify({ attestations: [{ predicateType, bundle }] }));
  if (bytes.length > largest)
    throw new CitadelError(
      "E_TOO_LARGE",
      `the provenance has ${bytes.length} bytes, more than ${largest}`,
    );
  return { bytes, provenance: provenance.test(predicateType) ? predicateType : undefined };
}

/** The in-toto statement inside. */
function statementOf(bundle: Json): { readonly [key: string]: Json } {
  if (!isObject(bundle)) throw invalid("it is no object");
  const { mediaType, verificationMaterial, dsseEnvelope } = bundle;
  if (typeof mediaType !== "string" || !mediaType.startsWith("application/vnd.dev.sigstore.bundle"))
    throw invalid("its mediaType is not that of a sigstore bundle");
  if (!isObject(verificationMaterial) || !isObject(dsseEnvelope))
    throw invalid("it has no verificationMaterial or no dsseEnvelope");
  const { payload, payloadType, signatures } = dsseEnvelope;
  if (payloadType !== "application/vnd.in-toto+json" || typeof payload !== "string")
    throw invalid("its payload is no in-toto statement");
  if (
    !Array.isArray(signatures) ||
    signatures.length === 0 ||
    !signatures.every((one) => isObject(one) && typeof one["sig"] === "string")
  )
    throw invalid("it has no signatures");
  let statement: Json;
  try {
    statement = JSON.parse(Buffer.from(payload, "base64").toString()) as Json;
  } catch (error) {
    throw invalid("its payload is not JSON", error);
  }
  if (!isObject(statement)) throw invalid("its statement is no object");
  if (Array.isArray(statement["subject"]) && !statement["subject"].every(isObject))
    throw invalid("its subject is no object");
  return statement;
}

/** `pkg:npm/%40s/p@1.0.0` */
const purlOf = (name: string, version: string): string =>
  `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;

const shown = (value: Json | undefined): string =>
  (JSON.stringify(value) ?? "nothing").slice(0, 200);

const invalid = (message: string, cause?: unknown): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", `the provenance cannot be used: ${message}`, { cause });

const mismatch = (message: string): CitadelError =>
  new CitadelError("E_MANIFEST_MISMATCH", `the provenance ${message}`);
