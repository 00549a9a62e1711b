// H12: npm 10 is the last client with a command for hooks.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { publish, signIn } from "../support/packages.ts";
import { receiver, type Receiver } from "../support/receiver.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { seat } from "./client.ts";

let tools: ClientTools;
let temp: Temp;
let to: Receiver;
let server: Server;

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("hook");
  to = await receiver();
  const env = { CITADEL_HOOKS_ALLOW: "127.0.0.1" };
  server = await serve({ home: join(temp.path, "home"), env });
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await to?.[Symbol.asyncDispose]();
  await temp?.remove();
});

function ok(ran: Ran): Ran {
  expect(ran.code, `${ran.command}\n${ran.output}`).toBe(0);
  return ran;
}

describe("H12 npm10", () => {
  test("H12: npm10 adds, lists, updates and removes hooks, and they are called", async () => {
    const user = { name: "ann", password: "correct horse 1" };
    const token = await signIn(server.url, user.name, user.password);
    const here = await seat(tools, "npm10", { folder: temp.path, url: server.url }, user);
    await here.client.configure(token);
    const hook = async (...words: readonly string[]) => ok(await here.run(["hook", ...words])).output; // prettier-ignore

    expect(await hook("ls")).toContain("You don't have any hooks configured yet.");
    expect(await hook("add", "one", `${to.url}one`, "secret 1")).toMatch(/\+ one .* http.*\/one/);
    expect(await hook("add", "@ann", `${to.url}scope`, "secret 2")).toContain("+ @ann ");
    expect(await hook("add", "~ann", `${to.url}owner`, "secret 3")).toContain("+ ~ann ");
    const listed = await hook("ls");
    expect(listed).toContain("You have 3 hooks configured.");
    expect(listed).toContain("Never triggered");
    expect(listed).not.toContain("secret");
    expect(await hook("ls", "one")).toContain("You have 1 hook configured.");

    await publish(server.url, token, { name: "one", version: "1.0.0" });
    await to.count(2);
    expect(to.got.map(({ path, json }) => `${path} ${json.event}`).toSorted()).toEqual([
      "/one package:publish",
      "/owner package:publish",
    ]);
    const [, id = ""] = /Hook (\w+): one/.exec(listed) ?? [];
    const after = await hook("ls", "one");
    expect(after).toMatch(/Triggered .*, response code was "200"/);

    expect(await hook("update", id, `${to.url}two`, "secret 4")).toMatch(/\+ one .* http.*\/two/);
    expect(await hook("rm", id)).toMatch(/- one .* http.*\/two/);
    expect(await hook("ls")).toContain("You have 2 hooks configured.");
  }, 120_000);
});
