import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { pack, publishDocument, type PublishDocument } from "../support/packages.ts";
import { base, place, type Place } from "./place.ts";

let here: Place;
let token: string;
beforeEach(async () => {
  here = await place();
  token = await here.signIn("ann");
});
afterEach(async () => here[Symbol.asyncDispose]());

const manifest = { name: "@ann/proven", version: "1.0.0" };
const tarball = pack(manifest);
const sha512 = (bytes: Uint8Array) => createHash("sha512").update(bytes).digest("hex");
const predicateType = "https://slsa.dev/provenance/v1";

const statement = () => ({
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ name: "pkg:npm/%40ann/proven@1.0.0", digest: { sha512: sha512(tarball) } }],
  predicateType,
  predicate: { buildDefinition: {} },
});
const bundle = (about: object | string = statement()) => ({
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  verificationMaterial: { certificate: { rawBytes: "AA==" }, tlogEntries: [] },
  dsseEnvelope: {
    payload: Buffer.from(typeof about === "string" ? about : JSON.stringify(about)).toString(
      "base64",
    ),
    payloadType: "application/vnd.in-toto+json",
    signatures: [{ sig: "AA==", keyid: "" }],
  },
});

function withBundle(data: unknown, file = "@ann/proven-1.0.0.sigstore"): PublishDocument {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  const document = publishDocument(base, manifest, tarball);
  document._attachments[file] = {
    content_type: "application/vnd.dev.sigstore.bundle.v0.3+json",
    data: text,
    length: text.length,
  };
  return document;
}
const put = (document: PublishDocument) =>
  here.ask("/@ann%2fproven", { method: "PUT", token, body: document });

describe("H2 attestations", () => {
  test("a bundle that came with a publish is served as it came, and named in both forms", async () => {
    const sent = bundle();
    expect((await put(withBundle(sent))).status).toBe(201);
    for (const headers of [{}, { accept: "application/vnd.npm.install-v1+json" }]) {
      const document = (await here.ask("/@ann%2fproven", { headers })).json();
      const { attestations, signatures } = document.versions["1.0.0"].dist;
      expect(signatures).toHaveLength(1);
      expect(attestations).toEqual({
        url: `${base}-/npm/v1/attestations/@ann%2fproven@1.0.0`,
        provenance: { predicateType },
      });
    }
    const { dist } = (await here.ask("/@ann%2fproven/1.0.0")).json();
    for (const path of [
      new URL(dist.attestations.url).pathname,
      "/-/npm/v1/attestations/@ann/proven@1.0.0",
    ])
      expect((await here.ask(path)).json(), path).toEqual({
        attestations: [{ predicateType, bundle: sent }],
      });
    expect((await here.citadel.verify()).items).toEqual([]);
    // the collector keeps what a version refers to
    await here.citadel.collect({ grace: -1000 });
    expect((await here.ask("/-/npm/v1/attestations/@ann%2fproven@1.0.0")).status).toBe(200);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("H6: a bundle waits with its version for approval", async () => {
    const sent = bundle();
    const staged = await here.ask("/-/stage/package/@ann%2fproven", {
      method: "POST",
      token,
      body: withBundle(sent),
    });
    const wrong = await here.ask("/-/stage/package/@ann%2fproven", {
      method: "POST",
      token,
      body: withBundle("{}"),
    });
    expect([staged.status, wrong.status]).toEqual([201, 400]);
    const path = `/-/stage/${staged.json().stageId}/approve`;
    expect((await here.ask(path, { method: "POST", token })).status).toBe(201);
    expect((await here.ask("/-/npm/v1/attestations/@ann%2fproven@1.0.0")).json()).toEqual({
      attestations: [{ predicateType, bundle: sent }],
    });
  });

  test("below a prefix, npm goes to the root of the host", async () => {
    await using prefixed = await place({
      "server.publicUrl": "https://npm.example/registry/",
      "server.signup": "open",
    });
    const ann = await prefixed.signIn("ann");
    const document = withBundle(bundle());
    expect(
      (await prefixed.ask("/@ann%2fproven", { method: "PUT", token: ann, body: document })).status,
    ).toBe(201);
    for (const path of [
      "/registry/-/npm/v1/attestations/@ann%2fproven@1.0.0",
      "/-/npm/v1/attestations/@ann%2fproven@1.0.0",
    ])
      expect((await prefixed.ask(path)).status, path).toBe(200);
  });

  test("no attestations: 404, whether the version exists or not", async () => {
    await here.publish(token, { name: "plain", version: "1.0.0" });
    for (const spec of [
      "plain@1.0.0",
      "plain@2.0.0",
      "other@1.0.0",
      "plain",
      "@",
      "@ann%2fproven@1.0.0",
    ])
      expect((await here.ask(`/-/npm/v1/attestations/${spec}`)).status, spec).toBe(404);
  });

  const lies: [string, unknown, number, string?][] = [
    [
      "about another package",
      bundle({
        ...statement(),
        subject: [{ ...statement().subject[0], name: "pkg:npm/other@1.0.0" }],
      }),
      400,
      "E_MANIFEST_MISMATCH",
    ],
    [
      "about another version",
      bundle({
        ...statement(),
        subject: [{ ...statement().subject[0], name: "pkg:npm/%40ann/proven@1.0.1" }],
      }),
      400,
      "E_MANIFEST_MISMATCH",
    ],
    [
      "about another tarball",
      bundle({
        ...statement(),
        subject: [{ ...statement().subject[0], digest: { sha512: sha512(Buffer.from("x")) } }],
      }),
      400,
      "E_MANIFEST_MISMATCH",
    ],
    [
      "with two subjects",
      bundle({ ...statement(), subject: [statement().subject[0], statement().subject[0]] }),
      400,
    ],
    ["with a subject that is none", bundle({ ...statement(), subject: [null] }), 400],
    [
      "without a digest",
      bundle({ ...statement(), subject: [{ name: statement().subject[0]?.name }] }),
      400,
      "E_MANIFEST_MISMATCH",
    ],
    ["without a statement", bundle("[]"), 400],
    ["with a payload that is not JSON", bundle("{"), 400],
    [
      "without signatures",
      { ...bundle(), dsseEnvelope: { ...bundle().dsseEnvelope, signatures: [] } },
      400,
    ],
    ["of another media type", { ...bundle(), mediaType: "text/plain" }, 400],
    ["that is not JSON", "{", 400],
    ["that is null", "null", 400],
    ["that is too large", bundle({ ...statement(), predicate: { x: "y".repeat(2 ** 20) } }), 413],
  ];
  test.each(lies)(
    "a bundle %s is refused, and nothing is published",
    async (_, data, status, code = "") => {
      const refused = await put(withBundle(data));
      expect(refused.status, refused.text).toBe(status);
      expect(refused.text).toContain(code);
      expect((await here.ask("/@ann%2fproven")).status).toBe(404);
    },
  );

  test("attack 3: a bundle under the name of another package is refused", async () => {
    for (const file of ["other-1.0.0.sigstore", "../x.sigstore", "@ann/proven-1.0.1.sigstore"])
      expect((await put(withBundle(bundle(), file))).status, file).toBe(400);
  });
});
