import type { JobRequest } from "@citadel/core/access";
import { kinds } from "@citadel/core/kinds";
import { copyStore, planCopy } from "@citadel/core/store";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { codeOf, drivers, place, type Place } from "./registry-harness.ts";
import { allKeys, HOUR, memoryDriver } from "./store-harness.ts";

const start = Date.parse("2026-11-28T12:00:00Z");
const who = { name: "alice", via: "npm" } as const;
const wet = { dryRun: false };
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});
afterEach(() => {
  vi.useRealTimers();
});
const later = (hours: number): void => void vi.setSystemTime(Date.now() + hours * HOUR);

const job = (): JobRequest => ({
  principal: "job:p",
  trusted: { id: "issuer", oidcConfigId: "1" },
  grant: { packages: "write", names: ["p"], orgs: "none", manage: false },
  expires: Date.now() + HOUR,
});

const tokensIn = async ({ store }: Place): Promise<string[]> =>
  (await allKeys(store.driver)).filter((key) => /^[dh]\/token\//.test(key));
const problems = ({ store }: Place) => Array.fromAsync(store.verify({ kinds: kinds() }));

describe.each(drivers)("attack 45: expired tokens on %s", (driver) => {
  test("are marked, removed a day later, and valid at no time in between", async () => {
    await using here = await place(driver);
    const { accounts, store } = here;
    await accounts.create({ name: "alice", password: "correct horse" }, who);
    const lasting = await accounts.issue("alice", {}, who);
    const revoked = await accounts.issue("alice", {}, who);
    await accounts.revoke(revoked.token, who);
    const kept = await tokensIn(here);
    const short = await accounts.issue("alice", { expires: Date.now() + HOUR }, who);
    const ofJob = await accounts.issueJob(job(), who);
    expect(await accounts.byToken(ofJob.token)).toMatchObject({ kind: "job" });

    expect(await accounts.sweepTokens(wet)).toBe(0);
    expect(await accounts.byToken(short.token)).toMatchObject({ name: "alice" });
    later(2);
    expect(await accounts.sweepTokens({ dryRun: true })).toBe(0);
    expect(await accounts.sweepTokens(wet)).toBe(0);
    const target = await memoryDriver();
    await copyStore(store.driver, target, await planCopy(store.driver, target));
    // a server whose clock is wrong
    vi.setSystemTime(start);
    for (const { token } of [short, ofJob])
      expect(await codeOf(accounts.byToken(token))).toBe("E_TOKEN_EXPIRED");
    expect((await accounts.tokens("alice")).items.map(({ key }) => key)).toEqual([
      lasting.info.key,
    ]);

    later(2 + 23);
    expect(await accounts.sweepTokens(wet)).toBe(0);
    later(2);
    expect(await accounts.sweepTokens({ dryRun: true })).toBe(2);
    expect(await accounts.sweepTokens(wet)).toBe(2);
    expect(await accounts.sweepTokens(wet)).toBe(0);
    expect(await tokensIn(here)).toEqual(kept);
    for (const { token } of [short, ofJob])
      expect(await codeOf(accounts.byToken(token))).toBe("E_AUTH_INVALID");
    expect(await codeOf(accounts.byToken(revoked.token))).toBe("E_TOKEN_REVOKED");
    expect(await accounts.byToken(lasting.token)).toMatchObject({ name: "alice" });

    expect(await problems(here)).toEqual([]);
    await store.collect({ kinds: kinds(), grace: HOUR });
    // a copy that was made in between is in nobody's way
    const { conflicts } = await planCopy(store.driver, target, { kinds: kinds() });
    expect(conflicts).toEqual([]);
    expect((await planCopy(store.driver, target)).conflicts).toHaveLength(2);
  });

  test("a sweep that dies on its way leaves a store that is sound, and the next one ends it", async () => {
    await using here = await place(driver);
    const { accounts, store } = here;
    const { token, info } = await accounts.issueJob(job(), who);
    later(2);
    await accounts.sweepTokens(wet);
    later(25);
    const history = (await tokensIn(here)).filter((key) => key.startsWith("h/"));
    expect(history).toHaveLength(2);
    for (const key of history) {
      await store.driver.delete(key);
      expect(await problems(here)).toEqual([]);
      await store.collect({ kinds: kinds(), grace: HOUR });
      expect(await codeOf(accounts.byToken(token))).toBe("E_TOKEN_EXPIRED");
    }
    expect(await tokensIn(here)).toEqual([`d/token/${info.key}`]);
    expect(await accounts.sweepTokens(wet)).toBe(1);
    expect(await tokensIn(here)).toEqual([]);
  });

  test("the history of a token that has not ended is missed", async () => {
    await using here = await place(driver);
    await here.accounts.issueJob(job(), who);
    const [entry = ""] = (await tokensIn(here)).filter((key) => key.startsWith("h/"));
    await here.store.driver.delete(entry);
    expect(await problems(here)).toMatchObject([{ key: entry, problem: "missing" }]);
  });
});
