import s3 from "@citadel/driver-s3";
import type { Driver } from "@citadel/core/driver";
import { errors, type ErrorCode } from "@citadel/core/errors";
import { publicId } from "@citadel/core/vault";
import { expect, onTestFinished, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { startS3 } from "../servers/s3.ts";
import { tempFolder } from "../support/temp.ts";
import { machine, type Machine } from "./machines.ts";

const text = (value: string) => Buffer.from(value);
const a = { name: "a", scope: "dev" };

test("vault attack 4: two homes over one bucket that serves older states, cuts, forks and loses objects: named, exit 6, nothing handed out", async () => {
  const temp = await tempFolder("vault-bucket");
  const server = await startS3();
  const url = server.bucket("vault");
  const open: Driver[] = [];
  onTestFinished(async () => {
    await Promise.all(open.map((driver) => driver.close()));
    await server.stop();
    await temp.remove();
  });
  const seat = async (): Promise<Machine> => {
    const driver = s3(new URL(url));
    await driver.open();
    open.push(driver);
    return machine(driver, temp.path);
  };
  const [ann, bob] = [await seat(), await seat()];
  await ann.open().init();
  await ann.open().set(a, text("one"));
  await ann
    .open()
    .addMember(publicId(bob.identity.member), { name: "bob", kind: "person", scopes: ["dev"] });
  expect((await bob.open().get(a)).value.toString()).toBe("one");

  type Objects = Map<
    string,
    ReturnType<typeof server.objects> extends ReadonlyMap<string, infer O> ? O : never
  >;
  const bucket = server.objects("vault") as Objects;
  const serve = (state: Objects): void => {
    bucket.clear();
    for (const [key, object] of state) bucket.set(key, object);
  };
  const old = new Map(bucket);
  await bob.open().set(a, text("two"));
  await ann.open().list();
  const good = new Map(bucket);

  /** Both machines refuse, name it, and hand out nothing. */
  const refused = async (what: string): Promise<void> => {
    for (const who of [ann, bob])
      for (const verb of [
        () => who.open().get(a),
        () => who.open().set(a, text("three")),
        () => who.open().versions(a),
      ]) {
        const code = (await codeOf(verb())) as ErrorCode | undefined;
        expect(code && errors[code]?.exit, `${what}: ${code}`).toBe(6);
      }
  };

  serve(old);
  await refused("an older state");
  // the head of before with all objects of now
  const head = [...good.keys()].find((key) => key.includes("d/vault/")) ?? "";
  serve(new Map([...good, [head, old.get(head)!]]));
  await refused("a tail that was cut");
  serve(new Map());
  await refused("an empty bucket");

  // one side of a fork for each of them
  serve(old);
  const eve = await machine(open[1] as Driver, temp.path, bob.identity);
  await eve.open().set(a, text("fork"));
  const fork = new Map(bucket);
  await refused("a fork");
  serve(fork);
  await refused("a fork that stays");

  serve(good);
  expect((await ann.open().get(a)).value.toString()).toBe("two");
  const values = async (who: Machine): Promise<string | undefined> => {
    const { value } = await who.open().get(a);
    return value.toString();
  };
  // any one object: what needs it is refused, and nothing else than the value of now is ever handed out
  for (const key of good.keys()) {
    const less = new Map(good);
    less.delete(key);
    serve(less);
    for (const who of [ann, bob]) {
      const fresh = await machine(open[0] as Driver, temp.path, who.identity);
      for (const one of [who, fresh]) {
        const got = await values(one).catch((error: { code: ErrorCode }) => error.code);
        const exit = errors[got as ErrorCode]?.exit;
        expect(got === "two" || exit === 6 || (one === fresh && exit === 4), `${key}: ${got}`).toBe(
          true,
        );
      }
      // looking at everything finds it
      const problems = await who
        .open()
        .audit({ verify: true })
        .then(
          (audit) => audit.problems.length,
          () => 1,
        );
      const seen = key.includes("/slot/") || problems > 0;
      expect(seen, `${key} is missed`).toBe(true);
    }
  }
  serve(good);
  expect((await bob.open().audit({ verify: true })).problems).toEqual([]);
}, 120_000);
