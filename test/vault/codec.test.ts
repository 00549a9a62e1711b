import { argon2Sync } from "node:crypto";
import {
  deriveKey,
  mostBytes,
  openRecord,
  sealRecord,
  type RecordPlace,
} from "@citadel/core/vault";
import { armor, Decrypter } from "age-encryption";
import fc from "fast-check";
import { calculateJwkThumbprint, compactVerify, flattenedDecrypt, importJWK } from "jose";
import { describe, expect, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";

const key = new Uint8Array(32).fill(7);
const place: RecordPlace = {
  ...{ f: 1, v: "vault", s: "scope", g: 1, id: "one", n: 2, k: "value", by: "me", at: 1 },
};
const json = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Jwe;
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
interface Jwe {
  protected: string;
  header: Record<string, unknown>;
  encrypted_key: string;
  iv: string;
  ciphertext: string;
  tag: string;
}

describe("D3: the record of a version", () => {
  test("holds any bytes, and its length tells 64 steps only", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (value) => {
        const sealed = await sealRecord(value, place, key);
        expect(Buffer.from(await openRecord(sealed, place, key))).toEqual(Buffer.from(value));
        expect(Buffer.from(json(sealed).ciphertext, "base64url").byteLength % 64).toBe(0);
      }),
      { numRuns: 200 },
    );
    const most = new Uint8Array(mostBytes).fill(255);
    expect((await openRecord(await sealRecord(most, place, key), place, key)).equals(most)).toBe(
      true,
    );
    expect(await codeOf(sealRecord(new Uint8Array(mostBytes + 1), place, key))).toBe("E_TOO_LARGE");
  });

  test("two of the same value have nothing in common", async () => {
    const [a, b] = await Promise.all([0, 1].map(() => sealRecord(Buffer.from("x"), place, key)));
    for (const member of ["encrypted_key", "iv", "ciphertext", "tag"] as const)
      expect(json(a as Uint8Array)[member]).not.toBe(json(b as Uint8Array)[member]);
  });

  test("vault attack 1: a flipped bit of any byte is refused", async () => {
    const sealed = Buffer.from(await sealRecord(Buffer.from("value"), place, key));
    for (let i = 0; i < sealed.byteLength; i++) {
      const other = Buffer.from(sealed);
      other[i] = (other[i] ?? 0) ^ 1;
      // base64url has bits at the end that mean nothing; the signed hash of the bytes covers them, the parser need not
      const opened = await openRecord(other, place, key).catch((error: unknown) => error);
      if (opened instanceof Error)
        expect(await codeOf(Promise.reject(opened))).toBe("E_VAULT_DAMAGED");
      else expect((opened as Buffer).toString()).toBe("value");
    }
  });

  test("vault attack 1: members of one record do not fit into another", async () => {
    const a = json(await sealRecord(Buffer.from("a"), place, key));
    const b = json(await sealRecord(Buffer.from("b"), { ...place, n: 3 }, key));
    for (const member of Object.keys(a) as (keyof Jwe)[]) {
      if (member === "header") continue;
      const mixed = bytes({ ...a, [member]: b[member] });
      expect(await codeOf(openRecord(mixed, place, key)), member).toBe("E_VAULT_DAMAGED");
      expect(await codeOf(openRecord(mixed, { ...place, n: 3 }, key)), member).toBe(
        "E_VAULT_DAMAGED",
      );
    }
  });

  test("vault attack 2: a record opens in its own place only", async () => {
    const text = fc.string({ minLength: 1, maxLength: 6 });
    const number = fc.integer({ min: 1, max: 5 });
    const any = fc.record({
      ...{ f: fc.constant(1 as const), v: text, s: text, g: number, id: text, n: number },
      ...{ k: fc.constantFrom("value" as const, "meta" as const), by: text, at: number },
    });
    await fc.assert(
      fc.asyncProperty(
        any,
        any,
        fc.constantFrom("v", "s", "g", "id", "n", "k", "by", "at"),
        async (one, two, field) => {
          const other = { ...one, [field]: two[field as keyof typeof two] } as RecordPlace;
          const sealed = await sealRecord(Buffer.from("x"), one, key);
          const same = JSON.stringify(one) === JSON.stringify(other);
          expect(await codeOf(openRecord(sealed, other, key))).toBe(
            same ? undefined : "E_VAULT_DAMAGED",
          );
          expect(await codeOf(openRecord(sealed, { ...one, rf: 1 }, key))).toBe("E_VAULT_DAMAGED");
        },
      ),
      { numRuns: 200 },
    );
    const sealed = await sealRecord(Buffer.from("x"), place, key);
    expect(await codeOf(openRecord(sealed, place, new Uint8Array(32)))).toBe("E_VAULT_DAMAGED");
  });

  test("vault attack 13: other algorithms, headers and members are refused", async () => {
    const good = json(await sealRecord(Buffer.from("x"), place, key));
    const head = JSON.parse(Buffer.from(good.protected, "base64url").toString()) as object;
    const withHead = (more: object) => ({
      ...good,
      protected: Buffer.from(JSON.stringify({ ...head, ...more })).toString("base64url"),
    });
    const tricks: Record<string, unknown> = {
      dir: { ...good, header: { ...good.header, alg: "dir" } },
      none: { ...good, header: { ...good.header, alg: "none" } },
      "another kid": { ...good, header: { ...good.header, kid: "scope.2" } },
      "p2c in the header": { ...good, header: { ...good.header, p2c: 1e9 } },
      "alg in the protected part": withHead({ alg: "A256GCMKW" }),
      zip: withHead({ zip: "DEF" }),
      "enc A128GCM": withHead({ enc: "A128GCM" }),
      "no crit": withHead({ crit: undefined }),
      "an unknown crit": withHead({ crit: ["ctd", "b64"] }),
      "another place": withHead({ ctd: { ...place, n: 9 } }),
      "more in the place": withHead({ ctd: { ...place, x: 1 } }),
      "a member too many": { ...good, aad: "eA" },
      "a member too few": { ...good, tag: undefined },
      array: [good],
      null: null,
    };
    for (const [name, trick] of Object.entries(tricks))
      expect(await codeOf(openRecord(bytes(trick), place, key)), name).toBe("E_VAULT_DAMAGED");
  });

  test("vault attack 14: short and empty tags are refused", async () => {
    const good = json(await sealRecord(Buffer.from("x"), place, key));
    for (const size of [0, 4, 8, 12, 15]) {
      const cut = (text: string) =>
        Buffer.from(text, "base64url").subarray(0, size).toString("base64url");
      expect(
        await codeOf(openRecord(bytes({ ...good, tag: cut(good.tag) }), place, key)),
        `${size}`,
      ).toBe("E_VAULT_DAMAGED");
      const head = JSON.parse(Buffer.from(good.protected, "base64url").toString()) as {
        tag: string;
      };
      const short = Buffer.from(JSON.stringify({ ...head, tag: cut(head.tag) })).toString(
        "base64url",
      );
      expect(
        await codeOf(openRecord(bytes({ ...good, protected: short }), place, key)),
        `${size}`,
      ).toBe("E_VAULT_DAMAGED");
    }
  });
});

describe("D2 D3: public examples of the formats", () => {
  test("RFC 7520, 5.7: A256GCMKW", async () => {
    const { plaintext } = await flattenedDecrypt(
      cookbook,
      Buffer.from("qC57l_uxcm7Nm3K-ct4GFjx8tM1U8CZ0NLBvdQstiS8", "base64url"),
    );
    expect(Buffer.from(plaintext).toString()).toMatch(
      /^You can trust us to stick with you .* Frodo\.$/,
    );
  });

  test("RFC 8037, appendix A: Ed25519 key, thumbprint and signature", async () => {
    const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    expect(await calculateJwkThumbprint(jwk)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    const jws =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const { payload } = await compactVerify(jws, await importJWK(jwk, "EdDSA"));
    expect(Buffer.from(payload).toString()).toBe("Example of Ed25519 signing");
  });

  test("age testkit, armor: X25519", async () => {
    const file = new Decrypter();
    file.addIdentity("AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66MV4QX3S7F6");
    const { createHash } = await import("node:crypto");
    const plain = await file.decrypt(armor.decode(testkit));
    expect(createHash("sha256").update(plain).digest("hex")).toBe(
      "013f54400c82da08037759ada907a8b864e97de81c088a182062c4b5622fd2ab",
    );
  });

  test("RFC 9106, 5.3: argon2id; RFC 7914, 12: scrypt", async () => {
    const tag = argon2Sync("argon2id", {
      ...{ message: Buffer.alloc(32, 1), nonce: Buffer.alloc(16, 2), secret: Buffer.alloc(8, 3) },
      ...{
        associatedData: Buffer.alloc(12, 4),
        memory: 32,
        passes: 3,
        parallelism: 4,
        tagLength: 32,
      },
    });
    expect(tag.toString("hex")).toBe(
      "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
    );
    const salt = Buffer.from("SodiumChloride").toString("base64url");
    const out = await deriveKey("pleaseletmein", { name: "scrypt", salt, n: 16384, r: 8, p: 1 });
    expect(out.toString("hex")).toBe(
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2",
    );
  });
});

const testkit = `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY
TnlDVkpwTDdPdXdQZFZ3UEw3S1FFYkZET0NjCkVtRUNBRWNLTituL1ZzOVNiV2lW
K0h1MHIrRThSNzdEZFdZeWQ4M253N1UKLS0tIFZuKzU0anFpaVVDRStXWmNFVlkz
ZjFzcUhqbHUvejFMQ1EvVDdYbTdxSTAK7s9ix86RtDMnTmjU8vkTTLdMW/73vqpS
yPC8DpksHoMx+2Y=
-----END AGE ENCRYPTED FILE-----
`;

const cookbook = {
  protected:
    "eyJhbGciOiJBMjU2R0NNS1ciLCJpdiI6IktrWVQwR1hfMmpIbGZxTl8iLCJraWQiOiIxOGVjMDhlMS1iZmE5LTRkOTUtYjIwNS0yYjRkZDFkNDMyMWQiLCJ0YWciOiJrZlBkdVZRM1QzSDZ2bmV3dC0ta3N3IiwiZW5jIjoiQTEyOENCQy1IUzI1NiJ9",
  encrypted_key: "lJf3HbOApxMEBkCMOoTnnABxs_CvTWUmZQ2ElLvYNok",
  iv: "gz6NjyEFNm_vm8Gj6FwoFQ",
  ciphertext:
    "Jf5p9-ZhJlJy_IQ_byKFmI0Ro7w7G1QiaZpI8OaiVgD8EqoDZHyFKFBupS8iaEeVIgMqWmsuJKuoVgzR3YfzoMd3GxEm3VxNhzWyWtZKX0gxKdy6HgLvqoGNbZCzLjqcpDiF8q2_62EVAbr2uSc2oaxFmFuIQHLcqAHxy51449xkjZ7ewzZaGV3eFqhpco8o4DijXaG5_7kp3h2cajRfDgymuxUbWgLqaeNQaJtvJmSMFuEOSAzw9Hdeb6yhdTynCRmu-kqtO5Dec4lT2OMZKpnxc_F1_4yDJFcqb5CiDSmA-psB2k0JtjxAj4UPI61oONK7zzFIu4gBfjJCndsZfdvG7h8wGjV98QhrKEnR7xKZ3KCr0_qR1B-gxpNk3xWU",
  tag: "NvBveHr_vonkvflfnUrmBQ",
};
