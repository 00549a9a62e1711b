import { Readable } from "node:stream";
import { createEgress } from "@citadel/core/egress";
import { CitadelError } from "@citadel/core/errors";
import { baseName, type PublishInput, type Tarball } from "@citadel/core/registry";

/** ms for the answer after everything was sent, and for everything */
const patience = { first: 300_000, idle: 60_000, whole: 3_600_000 };
/** bytes that are encoded at a time; a multiple of 3 */
const slice = 3 * 2 ** 16;

/**
 * Publishes a batch to another Citadel over HTTP: all or none.
 * @throws E_AUTH_REQUIRED, E_FORBIDDEN, E_VERSION_EXISTS, E_REMOTE_REFUSED with what it says, E_REMOTE_UNAVAILABLE
 */
export async function sendBatch(
  { url, token }: { readonly url: string; readonly token: string | undefined },
  inputs: readonly PublishInput[],
  signal?: AbortSignal,
): Promise<void> {
  const base = baseOf(url);
  const { origin } = new URL(base);
  const egress = createEgress({ allow: [origin], only: [origin], timeouts: patience });
  try {
    const reply = await egress.fetch(`${base}-/citadel/v1/batch`, {
      method: "PUT",
      headers: {
        "content-type": "application/x-ndjson",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: Readable.from(linesOf(base, inputs)),
      ...(signal ? { signal } : {}),
    });
    const text = Buffer.from(await reply.bytes()).toString();
    if (reply.status === 200 || reply.status === 201) return;
    throw refusal(base, reply.status, text);
  } finally {
    await egress.close();
  }
}

function baseOf(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new CitadelError("E_USAGE", `${url.slice(0, 200)} is not the address of a registry`);
  const { href } = new URL(url);
  return href.endsWith("/") ? href : `${href}/`;
}

/** What the other side says, under its own code where it is one that a publish has here too. */
function refusal(base: string, status: number, text: string): CitadelError {
  let said: { error?: unknown; hint?: unknown } = {};
  try {
    said = (JSON.parse(text) as typeof said | null) ?? {};
  } catch {
    // not JSON: the status has to do
  }
  const message = typeof said.error === "string" ? said.error : `it answers ${status}`;
  const code =
    (
      {
        401: "E_AUTH_REQUIRED",
        403: "E_FORBIDDEN",
        404: "E_NOT_FOUND",
        409: "E_VERSION_EXISTS",
      } as const
    )[status] ?? "E_REMOTE_REFUSED";
  const hint = Array.isArray(said.hint) ? said.hint.map(String) : [];
  return new CitadelError(code, `${base} refuses the batch: ${message}`, {
    hint: [...hint, "nothing was published"],
  });
}

/** One publish document a line, as clients send it. */
async function* linesOf(base: string, inputs: readonly PublishInput[]): AsyncGenerator<Buffer> {
  for (const { name, version, manifest, tarball, tags = ["latest"], access } of inputs) {
    const file = `${name}-${version}.tgz`;
    const dist = {
      integrity: tarball.integrity,
      shasum: tarball.shasum,
      tarball: `${base}${name}/-/${baseName(name)}-${version}.tgz`,
    };
    const document = JSON.stringify({
      _id: name,
      name,
      "dist-tags": Object.fromEntries(tags.map((tag) => [tag, version])),
      versions: { [version]: { ...manifest, version, _id: `${name}@${version}`, dist } },
      access: access ?? null,
    });
    const attachment = `"content_type":"application/octet-stream","length":${tarball.size},"data":"`;
    yield Buffer.from(
      `${document.slice(0, -1)},"_attachments":{${JSON.stringify(file)}:{${attachment}`,
    );
    yield* base64(tarball);
    yield Buffer.from('"}}}\n');
  }
}

async function* base64({ content }: Tarball): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of content instanceof Uint8Array ? [content] : content.stream()) {
    rest = Buffer.concat([rest, chunk]);
    const whole = rest.length - (rest.length % slice);
    if (whole > 0) yield Buffer.from(rest.subarray(0, whole).toString("base64"));
    rest = rest.subarray(whole);
  }
  yield Buffer.from(rest.toString("base64"));
}
