import { execFileSync } from "node:child_process";
import { chownSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "../support/temp.ts";
import { owner } from "./postgres.ts";

/** A self-signed certificate for localhost, 127.0.0.1 and other names, and its key, which PostgreSQL may read. */
export async function certificate(names: readonly string[] = []): Promise<{
  readonly cert: string;
  readonly key: string;
  remove(): Promise<void>;
}> {
  const folder = await tempFolder("certificate");
  const [cert, key] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const subject = [
    "-subj",
    "/CN=localhost",
    "-addext",
    ["subjectAltName=DNS:localhost,IP:127.0.0.1", ...names.map((name) => `DNS:${name}`)].join(","),
  ];
  execFileSync(
    "openssl",
    [...args, "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", cert],
    { stdio: "ignore" },
  );
  const as = owner();
  if (as) for (const path of [folder.path, cert, key]) chownSync(path, as.uid, as.gid);
  return { cert, key, remove: folder.remove };
}
