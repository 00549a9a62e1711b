import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { request, type Answer } from "../support/http.ts";
import {
  inUrl,
  pack,
  packument,
  publishDocument,
  put,
  sha512,
  tarballOf,
} from "../support/packages.ts";

export interface StormOptions {
  /** addresses of the servers that are up now; at least one */
  readonly urls: () => readonly string[];
  readonly token: string;
  readonly ms: number;
  /** ms after its acknowledgement within which a publish must be seen through every server */
  readonly bound: number;
  readonly publishers?: number;
  readonly readers?: number;
  /** a real client that installs `name@version` through the server at `url`, tried again elsewhere when it fails; beside the readers */
  readonly install?: (url: string, spec: string) => Promise<boolean>;
  readonly installers?: number;
  /** runs beside it until it is over, again whenever something was acknowledged since the last time */
  readonly trouble?: () => Promise<void>;
  /** goes on until it is true, on a busy machine also beyond `ms` */
  readonly enough?: () => boolean;
}

export interface Storm {
  /** name → version → integrity of what was acknowledged, which is all that was tried but for lost races */
  readonly packages: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly acknowledged: number;
  /** requests that the trouble made fail, each of them tried again */
  readonly failures: number;
  readonly reads: number;
  readonly installs: number;
  /** what a registry must never do */
  readonly violations: readonly string[];
}

interface Acknowledged {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  readonly at: number;
}

const any = <T>(items: readonly T[]): T | undefined =>
  items[Math.floor(Math.random() * items.length)];

/**
 * Publishers and readers at once, through whichever server is up: versions of one package, of a package for each publisher, and
 * numbers that two publishers fight for with different bytes. What gets no answer is sent again until it gets one.
 */
export async function storm({
  urls,
  token,
  ms,
  bound,
  publishers = 8,
  readers = 8,
  install = () => Promise.resolve(true),
  installers = 0,
  trouble,
  enough = () => true,
}: StormOptions): Promise<Storm> {
  const log: Acknowledged[] = [];
  const violations: string[] = [];
  const fights = new Map<string, number>();
  const start = Date.now();
  let failures = 0;
  let reads = 0;
  let installs = 0;
  const over = (): boolean => {
    const passed = Date.now() - start;
    return passed > 5 * ms || (passed > ms && log.length > 40 && reads > 40 && enough());
  };

  const publish = async (name: string, version: string, tarball: Buffer): Promise<boolean> => {
    const manifest = { name, version, description: "stormy" };
    for (;;) {
      const url = any(urls()) ?? "";
      const document = publishDocument("http://localhost", manifest, tarball);
      const answer = await put(url, token, document).catch(() => undefined);
      if (answer?.status === 201) {
        log.push({ name, version, integrity: sha512(tarball), at: Date.now() });
        return true;
      }
      if (codeOf(answer) === "E_VERSION_EXISTS") return false;
      if (answer && answer.status < 500)
        violations.push(`publish of ${name}@${version}: ${answer.status} ${answer.text()}`);
      failures++;
      await sleep(50);
    }
  };

  const publisher = async (who: number): Promise<void> => {
    for (let n = 0; !over(); n++) {
      const fill = { "fill.bin": randomBytes(n % 8 === 0 ? 100_000 : 100) };
      const tarball = (name: string, version: string) =>
        pack({ name, version, description: "stormy" }, fill, 1);
      const mine = `1.${who}.${n}`;
      if (n % 3 === 0) {
        const number = `2.${Math.floor(who / 2)}.${n}`;
        const won = await publish("storm-shared", number, tarball("storm-shared", number));
        if (won) fights.set(number, (fights.get(number) ?? 0) + 1);
        else fights.set(number, fights.get(number) ?? 0);
        continue;
      }
      const name = n % 3 === 1 ? "storm-shared" : `@ann/storm-${who}`;
      if (!(await publish(name, mine, tarball(name, mine))))
        violations.push(`${name}@${mine} was refused as taken, and nobody else has that number`);
    }
  };

  const reader = async (): Promise<void> => {
    while (!over()) {
      const began = Date.now();
      const due = log.filter(({ at }) => at + bound <= began);
      // the newest are the ones that may be missing
      const wanted = Math.random() < 0.7 ? due.at(-1) : any(due);
      const url = any(urls());
      if (!wanted || url === undefined) {
        await sleep(20);
        continue;
      }
      const { name, version, integrity, at } = wanted;
      try {
        const document = await packument(url, name, { form: "short" });
        const found = document?.versions[version]?.dist.integrity;
        if (found !== integrity)
          violations.push(
            `${name}@${version}, acknowledged ${began - at} ms before, is ${found ?? "missing"} at ${url}`,
          );
        else if (document && sha512(await tarballOf(url, document, version)) !== integrity)
          violations.push(`${name}@${version}: other bytes`);
        reads++;
      } catch {
        failures++; // the server is gone, or its store is
        await sleep(20);
      }
    }
  };

  const installer = async (): Promise<void> => {
    while (!over()) {
      const began = Date.now();
      const wanted = any(log.filter(({ at }) => at + bound <= began));
      if (!wanted) {
        await sleep(20);
        continue;
      }
      const spec = `${wanted.name}@${wanted.version}`;
      for (let tries = 1; ; tries++) {
        const url = any(urls());
        if (url !== undefined && (await install(url, spec))) break;
        failures++;
        if (tries < 20) await sleep(100);
        else return void violations.push(`${spec} could not be installed in ${tries} tries`);
      }
      installs++;
    }
  };

  const disturb = async (): Promise<void> => {
    while (trouble && !over()) {
      const before = log.length;
      await trouble();
      while (log.length === before && !over()) await sleep(20);
    }
  };

  await Promise.all([
    ...Array.from({ length: publishers }, (_, who) => publisher(who)),
    ...Array.from({ length: readers }, reader),
    ...Array.from({ length: installers }, installer),
    disturb(),
  ]);
  for (const [number, winners] of fights)
    if (winners !== 1) violations.push(`storm-shared@${number} was acknowledged ${winners} times`);
  return { packages: byName(log), acknowledged: log.length, failures, reads, installs, violations };
}

const codeOf = (answer: Answer | undefined): unknown =>
  answer && answer.status >= 400 && answer.status < 500
    ? (answer.json() as { code?: unknown }).code
    : undefined;

function byName(log: readonly Acknowledged[]): Map<string, Map<string, string>> {
  const packages = new Map<string, Map<string, string>>();
  for (const { name, version, integrity } of log)
    packages.set(name, (packages.get(name) ?? new Map<string, string>()).set(version, integrity));
  return packages;
}

/** What a server has: exactly what was acknowledged? The differences, none when all is well. */
export async function differences(url: string, { packages }: Storm): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, versions] of packages) {
    const document = await packument(url, name);
    const there = new Map(
      Object.entries(document?.versions ?? {}).map(([version, { dist }]) => [
        version,
        dist.integrity,
      ]),
    );
    for (const version of new Set([...versions.keys(), ...there.keys()]))
      if (versions.get(version) !== there.get(version))
        found.push(
          `${name}@${version} at ${url}: ${there.get(version) ?? "missing"} instead of ${versions.get(version) ?? "nothing"}`,
        );
  }
  return found;
}

/** Names that a search through this server finds. */
export async function searched(url: string): Promise<ReadonlySet<string>> {
  const answer = await request(`${url}/-/v1/search?text=stormy&size=250`);
  const { objects } = answer.json() as { objects: { package: { name: string } }[] };
  return new Set(objects.map((hit) => hit.package.name));
}

/** Whether a packument comes with the bound that it may be behind. */
export async function freshnessOf(url: string, name: string): Promise<unknown> {
  return (await request(`${url}/${inUrl(name)}`)).headers["citadel-freshness"];
}
