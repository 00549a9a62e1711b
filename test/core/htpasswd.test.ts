import { fromHtpasswd, userKind } from "@citadel/core/access";
import { expect, test } from "vitest";
import { codeOf, place } from "./registry-harness.ts";

// The password "pa55 wörd", as Verdaccio 6 writes it with each of its algorithms.
const hashes = [
  ["bcrypt", "$2a$05$QIGiqGaqnRgWx1nFzBzWaeMvVs3NSoBVoeeaN.y4JmQqvb7Pc2uu2"],
  ["MD5 of Apache", "$apr1$.8VdXw0H$tsKJaipIA/X5wKnpHHvg2."],
  ["SHA-1", "{SHA}00br2jWfWEQjpXcFuVoAVGH6lhk="],
  ["crypt", "x+B.dfbv7gzw2"],
] as const;
const password = "pa55 wörd";
const who = { name: "local", via: "cli" } as const;
const closed = { signup: false, who };

test.each(hashes)("H5: a password of an htpasswd file in the form %s", async (_, hash) => {
  await using at = await place("memory");
  const { accounts, store } = at;
  const stored = fromHtpasswd(hash) ?? "";
  await store
    .ledger(userKind())
    .change("alice", who, () => [{ type: "create", email: "", password: stored }]);
  for (const wrong of ["pa55 word", hash, stored, "x"])
    expect(await codeOf(accounts.byPassword("alice", wrong))).toBe("E_AUTH_INVALID");
  expect(await accounts.byPassword("alice", password)).toMatchObject({ name: "alice" });

  // the first login replaces the hash by one of our own
  expect(await codeOf(accounts.login({ name: "alice", password: "x" }, closed))).toBe(
    "E_AUTH_INVALID",
  );
  expect((await accounts.user("alice"))?.password).toBe(stored);
  await accounts.login({ name: "alice", password }, closed);
  expect((await accounts.user("alice"))?.password).toMatch(/^\$(?:argon2id|scrypt)\$/);
  expect(await accounts.byPassword("alice", password)).toMatchObject({ name: "alice" });
});

test.each(["", "secret", "{PLAIN}secret", "$6$salt$hash", "$2a$31$", "$argon2id$v=19$m=1$a$b"])(
  "H5: what is no hash of an htpasswd file: %j",
  (hash) => expect(fromHtpasswd(hash)).toBeUndefined(),
);
