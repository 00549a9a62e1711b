import { expect, test } from "vitest";

import { place } from "./place.ts";

const path = "/-/citadel/v1/access";

test("H8: administrators change the rules over HTTP, at once; others neither see nor change them", async () => {
  await using here = await place();
  const { accounts } = here.citadel;
  const who = { name: "local", via: "cli" } as const;
  const ann = await here.signIn("ann");
  const bob = await here.signIn("bob");
  await here.publish(ann, { name: "open", version: "1.0.0" });
  expect((await here.ask("/open")).status).toBe(200);

  const rule = { pattern: "*", read: ["$authenticated"] };
  for (const [token, status] of [
    [undefined, 401],
    [bob, 403],
  ] as const) {
    expect((await here.ask(path, { token })).status).toBe(status);
    for (const method of ["PUT", "DELETE"])
      expect((await here.ask(path, { method, token, body: rule })).status).toBe(
        method === "DELETE" && token ? 400 : status,
      );
  }
  expect((await here.ask("/open")).status).toBe(200);

  await accounts.setAdmin("ann", true, who);
  const put = (body: object) => here.ask(path, { method: "PUT", token: ann, body });
  expect((await put(rule)).json()).toEqual({ items: [rule] });
  expect((await here.ask("/open")).status).toBe(401);
  expect((await here.ask("/open", { token: bob })).status).toBe(200);
  expect((await here.ask(path, { token: ann })).json()).toEqual({ items: [rule] });
  for (const wrong of [{}, { pattern: 7 }, { pattern: "a b", read: [] }, { ...rule, more: 1 }])
    expect((await put(wrong)).status).toBe(400);

  const remove = (pattern: string) =>
    here.ask(path, { method: "DELETE", token: ann, body: { pattern } });
  expect((await remove("@none/*")).status).toBe(404);
  expect((await remove("*")).status).toBe(200);
  expect((await here.ask("/open")).status).toBe(200);
});
