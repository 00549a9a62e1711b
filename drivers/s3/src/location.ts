import { checkKey, StoreError } from "@citadel/core/driver";

/** What an `s3:` or `r2:` URL says. */
export interface Location {
  readonly bucket: string;
  /** put before every key: empty, or ends with a slash */
  readonly prefix: string;
  /** undefined: Amazon's, for the region */
  readonly endpoint: string | undefined;
  /** undefined: from the SDK's own configuration */
  readonly region: string | undefined;
  /** bucket in the path instead of the host name */
  readonly pathStyle: boolean;
  /** undefined: the SDK's chain of environment, profile and instance role */
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string }
    | undefined;
  /** for blobs; undefined: the bucket's default */
  readonly storageClass: string | undefined;
  /** somebody promised that no other process writes */
  readonly singleWriter: boolean;
  /** ms between two looks of a watch, at least */
  readonly poll: number;
  /** for messages, without credentials */
  readonly label: string;
}

/** Reads `s3://[key:secret@]bucket[/prefix][?options]`, options as in README.md. Throws INVALID. */
export function location(url: URL): Location {
  const label = `${url.protocol}//${url.host}${url.pathname}`;
  const invalid = (why: string) => new StoreError("INVALID", `${label}: ${why}`);
  const options = new Map(url.searchParams);
  const take = (name: string, allowed: RegExp, like: string): string | undefined => {
    const value = options.get(name);
    options.delete(name);
    if (value === undefined || allowed.test(value)) return value;
    throw invalid(`${name} is ${like}`);
  };

  const bucket = url.hostname;
  if (!/^\w[\w.-]{1,254}$/.test(bucket))
    throw invalid("it needs a bucket, as in s3://my-bucket/packages");
  const prefix = decoded(url.pathname, invalid).replace(/^\/|\/$/g, "");
  // keys of S3 have up to 1024 bytes, ours up to 512
  if (prefix.length > 500) throw invalid("a prefix has at most 500 bytes");
  if (prefix !== "") checkKey(prefix);

  const r2 = url.protocol === "r2:";
  const account = r2 ? take("account", /^\w+$/, "the id of a Cloudflare account") : undefined;
  const endpoint =
    take(
      "endpoint",
      /^https?:\/\/[\w.:[\]-]+(\/[\w./-]*)?$/,
      "an address such as https://s3.example.org",
    ) ??
    (account && `https://${account}.r2.cloudflarestorage.com`);
  if (endpoint && !URL.canParse(endpoint)) throw invalid("endpoint is no address");
  if (r2 && !endpoint) throw invalid("r2: needs account=<id>, or endpoint=<address>");
  const amazon = !endpoint || /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
  const region = take("region", /^[\w-]+$/, "a name such as eu-central-1");
  const pathStyle = take("pathStyle", /^(true|false)$/, "true or false");
  const storageClass = take("storageClass", /^[A-Z_]+$/, "a name such as STANDARD_IA");
  if (storageClass === "GLACIER" || storageClass === "DEEP_ARCHIVE")
    throw invalid(`what lies in ${storageClass} cannot be read at once: take GLACIER_IR`);
  const concurrency = take("concurrency", /^single-writer$/, "single-writer, or left out");
  const poll = take("poll", /^[1-9]\d{1,6}$/, "a number of ms, at least 10");
  for (const name of options.keys()) throw invalid(`there is no option "${name}"`);

  const accessKeyId = decoded(url.username, invalid);
  const secretAccessKey = decoded(url.password, invalid);
  if (Boolean(accessKeyId) !== Boolean(secretAccessKey))
    throw invalid("credentials are a key and a secret, as in s3://key:secret@bucket");
  return {
    bucket,
    prefix: prefix && `${prefix}/`,
    endpoint,
    region: region ?? (r2 ? "auto" : amazon ? undefined : "us-east-1"),
    pathStyle: pathStyle ? pathStyle === "true" : !amazon,
    credentials: accessKeyId ? { accessKeyId, secretAccessKey } : undefined,
    storageClass,
    singleWriter: concurrency !== undefined,
    poll: Number(poll ?? 2000),
    label: endpoint ? `${label} at ${new URL(endpoint).host}` : label,
  };
}

function decoded(text: string, invalid: (why: string) => StoreError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("a % in it is not followed by two hexadecimal digits: write %25");
  }
}
