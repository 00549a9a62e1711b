// B2 H8: owners, organisations, teams, visibility and stars through the real commands of every client that has them.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { pack, publish, signIn } from "../support/packages.ts";
import { ok, refused } from "../support/ok.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { accessClients, type AccessCommands } from "./access-commands.ts";
import { seat, type User } from "./client.ts";

const ids = Object.keys(accessClients) as (keyof typeof accessClients)[];
const patience = 60_000;
let tools: ClientTools;
let temp: Temp;
let server: Server;

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("client-access");
  server = await serve({ home: join(temp.path, "registry") });
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

const said = (ran: Ran): string => ok(ran).output;

describe.each(ids)("B2 H8 %s", (id) => {
  const org = `org-${id}`;
  const name = `@${org}/p`;
  const team = `${org}:core`;
  const [ann, bob, eve] = ["ann", "bob", "eve"].map((who): User => ({
    name: `${who}-${id}`,
    password: "correct horse 1",
  })) as [User, User, User];
  const commands = new Map<User, AccessCommands>();
  const tokens = new Map<User, string>();
  const as = (user: User) => commands.get(user) as AccessCommands;
  const byHttp = (user: User, path: string, body: object) =>
    request(`${server.url}${path}`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${tokens.get(user) ?? ""}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });

  const check = (what: string, has: boolean, work: () => Promise<void>) => {
    if (!has) return;
    test(what, work, patience);
  };
  const { org: hasOrg, stars: hasStars } = accessClients[id]({} as never);

  beforeAll(async () => {
    for (const user of [ann, bob, eve]) {
      const token = await signIn(server.url, user.name, user.password);
      const where = { folder: temp.path, url: server.url };
      const here = await seat(tools, id, where, user);
      await here.client.configure(token);
      tokens.set(user, token);
      commands.set(user, accessClients[id](here));
    }
    if (hasOrg) return;
    for (const user of [ann, bob])
      expect((await byHttp(ann, `/-/org/${org}/user`, { user: user.name })).status).toBe(200);
  }, patience);

  check("org set, ls: the first makes it", hasOrg !== undefined, async () => {
    ok(await as(ann).org!.set(org, ann.name));
    expect(said(await as(ann).org!.set(org, bob.name))).toMatch(/as developer .*2 members/s);
    refused(await as(bob).org!.set(org, eve.name), /403|not an owner/);
    const listed = said(await as(bob).org!.ls(org));
    expect(listed).toContain(`${ann.name} - owner`);
    expect(listed).toContain(`${bob.name} - developer`);
    refused(await as(eve).org!.ls(org), /404|no organisation/);
  });

  check("publish --access restricted: nobody else finds it", true, async () => {
    const folder = join(temp.path, `package-${id}`);
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0" }));
    ok(await as(ann).publishRestricted(folder));
    refused(await as(eve).view(name), /404|not found/i);
    ok(await as(bob).view(name)); // of the team developers
  });

  check("access get and set status", true, async () => {
    expect(said(await as(ann).access.status(name))).toMatch(/private|restricted/);
    expect(said(await as(ann).access.setStatus("public", name))).toContain("public");
    ok(await as(eve).view(name));
    refused(await as(eve).access.setStatus("restricted", name), /403|not an owner/i);
    ok(await as(ann).access.setStatus("restricted", name));
    refused(await as(eve).view(name), /404|not found/i);
  });

  check("access set mfa", true, async () => {
    ok(await as(ann).access.setMfa("automation", name));
    const said = await request(`${server.url}/-/package/${name.replace("/", "%2f")}/access`, {
      headers: { authorization: `Bearer ${tokens.get(ann) ?? ""}` },
    });
    expect(JSON.parse(said.text())).toMatchObject({
      access: "restricted",
      publish_requires_tfa: true,
      // pnpm sends the same for both
      automation_token_overrides_tfa: id !== "pnpm",
    });
    ok(await as(ann).access.setMfa("none", name));
  });

  check("team create, add, ls", true, async () => {
    ok(await as(ann).team.create(team));
    refused(await as(ann).team.create(team), /409|conflict|already/i);
    ok(await as(ann).team.add(team, bob.name));
    refused(await as(ann).team.add(team, eve.name), /404|not in|not found/i);
    const teams = said(await as(bob).team.ls(org));
    for (const each of ["developers", "core"]) expect(teams).toContain(`${org}:${each}`);
    expect(said(await as(bob).team.ls(team))).toContain(bob.name);
    refused(await as(eve).team.ls(org), /404|not found/i);
  });

  check("access grant, revoke", true, async () => {
    ok(await as(ann).access.revoke(`${org}:developers`, name));
    refused(await as(bob).view(name), /404|not found/i);
    ok(await as(ann).access.grant("read-only", team, name));
    ok(await as(bob).view(name));
    refused(await as(bob).access.grant("read-write", team, name), /403|not an owner/i);
  });

  check("access list packages, collaborators", true, async () => {
    for (const of of [team, org]) expect(said(await as(ann).access.packages(of))).toContain(name);
    expect(said(await as(bob).access.packages())).toMatch(/@org-\S+\/p: read/);
    const people = said(await as(ann).access.collaborators(name));
    expect(people).toMatch(new RegExp(`${ann.name}.*: read-write`));
    expect(people).toMatch(new RegExp(`${bob.name}.*: read-only`));
    refused(await as(eve).access.collaborators(name), /404|not found/i);
  });

  check("owner add, ls, rm; the last one stays", true, async () => {
    ok(await as(ann).owner.add(name, bob.name));
    expect(said(await as(bob).owner.ls(name))).toContain(`${bob.name} <`);
    ok(await as(bob).owner.rm(name, ann.name));
    refused(await as(bob).owner.rm(name, bob.name), /remove all owners|at least one owner/i);
    expect(said(await as(bob).owner.ls(name))).not.toContain(ann.name);
    // still one of the organisation's owners
    ok(await as(ann).owner.add(name, ann.name));
  });

  check("star, stars, unstar", hasStars !== undefined, async () => {
    const open = `open-${id}`;
    const manifest = { name: open, version: "1.0.0" };
    await publish(server.url, tokens.get(ann) ?? "", manifest, pack(manifest));
    for (const each of [open, name]) ok(await as(ann).stars!.star(each));
    const mine = said(await as(ann).stars!.ls());
    for (const each of [open, name]) expect(mine).toContain(each);
    const seen = said(await as(eve).stars!.ls(ann.name));
    expect(seen).toContain(open);
    expect(seen).not.toContain(name);
    ok(await as(ann).stars!.unstar(open));
    expect(said(await as(ann).stars!.ls())).not.toContain(open);
  });

  check("team rm, destroy: the right is gone", true, async () => {
    ok(await as(ann).owner.rm(name, bob.name));
    ok(await as(ann).team.rm(team, bob.name));
    refused(await as(bob).view(name), /404|not found/i);
    ok(await as(ann).team.destroy(team));
    refused(await as(ann).team.ls(team), /404|not found/i);
  });

  check("org rm; the last owner stays", hasOrg !== undefined, async () => {
    ok(await as(ann).org!.rm(org, bob.name));
    refused(await as(bob).org!.ls(org), /404|no organisation/);
    refused(await as(ann).org!.rm(org, ann.name), /at least one owner/);
  });
});
