import { randomBytes } from "node:crypto";
import { isUserName } from "../access/names.ts";
import type { Accounts } from "../access/state.ts";
import type { Caller } from "../access/types.ts";
import type { Changes } from "../changes/changes.ts";
import { createEgress, type Egress } from "../egress/index.ts";
import { CitadelError, errorCode } from "../errors.ts";
import type { Keys } from "../keys/keys.ts";
import { logger } from "../log.ts";
import { actorOf } from "../registry/context.ts";
import { checkName } from "../registry/names.ts";
import type { Registry } from "../registry/types.ts";
import type { Store } from "../store/types.ts";
import { noticeTypes, type Notices } from "../notices/notices.ts";
import { isPattern, matches } from "../patterns.ts";
import { createTurns } from "../turns.ts";
import { call, standardKey } from "./call.ts";
import { answerOf, createDeliver, secretUse, toTell, type DeliverOptions } from "./deliver.ts";
import { createDeliveryLog, deliveryItem, type Delivery, type DeliveryItem } from "./deliveries.ts";
import { happenings } from "./happenings.ts";
import { bodyOf, packageTypes } from "./standard.ts";
import { hookKind, noHooks } from "./kind.ts";
import { createMarks, current } from "./progress.ts";
import { waitingFor } from "./waiting.ts";
import type { HookEvent, HookInfo, HookInput, HookRecord, Hooks, HookSettings } from "./types.ts";

const longestEndpoint = 2000;
const longestSecret = 1000;
/** bytes of a secret as Standard Webhooks wants it */
const leastKey = 24;
const mostListed = 1000;
/** hooks whose receivers are called at a time */
const callers = 8;
/** ms that a call out of turn may take */
const longestCall = 20_000;
/** ms until a hook that could not be looked at is looked at again */
const trouble = 30_000;

export interface HooksOptions extends Pick<DeliverOptions, "tracing" | "pauses" | "leased"> {
  readonly store: Store;
  readonly registry: Pick<Registry, "known" | "packages">;
  readonly accounts: Pick<Accounts, "user" | "principal">;
  readonly keys: Pick<Keys, "seal" | "unseal">;
  readonly changes: () => Promise<Changes>;
  readonly notices: Notices;
  readonly settings: HookSettings;
  /** the public address of the registry, where there is one */
  readonly base: string | undefined;
}

interface Owned {
  readonly username: string;
  readonly hook: HookRecord;
}

/** See {@link Hooks}. */
export function createHooks(options: HooksOptions): Hooks {
  const { store, registry, accounts, keys, changes, notices, tracing, settings, base } = options;
  const ledger = store.ledger(hookKind());
  const marks = createMarks(store.driver);
  const egress = createEgress({ plain: false, redirects: 0, allow: settings.allow });
  const deliveries = createDeliveryLog(store.driver);
  const counts = { ok: 0, failed: 0 };
  const called = (ok: boolean): void => void counts[ok ? "ok" : "failed"]++;
  const deliver = createDeliver({ ...options, marks, deliveries, called, egress });
  const log = logger("hooks");

  /** Hooks of a user, without those of somebody who had the name before. */
  const ofUser = async (username: string): Promise<readonly Owned[]> => {
    const [document, user] = await Promise.all([ledger.read(username), accounts.user(username)]);
    const hooks = document?.state.hooks.filter(({ account }) => account === user?.created) ?? [];
    return hooks.map((hook) => ({ username, hook }));
  };

  const all = async (): Promise<readonly Owned[]> => {
    const found: Owned[] = [];
    let after: string | undefined;
    do {
      const page = await ledger.list({ ...(after !== undefined && { after }) });
      for (const { name } of page.items) found.push(...(await ofUser(name)));
      after = page.next;
    } while (after !== undefined);
    return found;
  };

  const ofCaller = ({ principal }: Caller): Promise<readonly Owned[]> =>
    principal.admin ? all() : ofUser(principal.name);

  const find = async (id: string, caller: Caller): Promise<Owned> => {
    demandAccount(caller);
    const found = (await ofCaller(caller)).find(({ hook }) => hook.id === id);
    if (!found) throw notFound();
    return found;
  };

  const shown = async ({ username, hook }: Owned): Promise<HookInfo> => {
    const { secret: _, account: __, off, ...plain } = hook;
    const mark = await marks.read(hook.id);
    const progress = mark && current(mark.progress, hook.updated);
    return {
      username,
      ...plain,
      ...(progress?.last !== undefined && { lastDelivery: progress.last }),
      ...(progress?.code !== undefined && { responseCode: progress.code }),
      status: off || progress?.disabled ? "disabled" : progress?.failing ? "failing" : "active",
    };
  };

  const sealed = (id: string, secret: string): Promise<string> =>
    keys.seal(Buffer.from(secret), secretUse(id));

  /** @throws E_NOT_FOUND when it was removed meanwhile */
  const change = async (
    { username, hook: { id } }: Owned,
    caller: Caller,
    event: HookEvent,
  ): Promise<HookInfo> => {
    const document = await ledger.change(username, actorOf(caller), (state) => {
      if (!state?.hooks.some((one) => one.id === id)) throw notFound();
      return [event];
    });
    const after = document?.state.hooks.find((one) => one.id === id);
    if (!after) throw notFound();
    return shown({ username, hook: after });
  };

  /** A call out of turn; its outcome changes nothing of how far the hook has come. */
  const once = async (
    hook: HookRecord,
    { body, of, ...shown }: Pick<Delivery, "id" | "event"> & { of?: Delivery["of"]; body: string },
  ): Promise<DeliveryItem> => {
    const secret = (await keys.unseal(hook.secret, secretUse(hook.id), "the secret of a hook")).toString(); // prettier-ignore
    const at = Date.now();
    const { id, event } = shown;
    const what = { hook: hook.id, event, endpoint: hook.endpoint, id, secret, body };
    const outcome = await call({ egress, tracing }, AbortSignal.timeout(longestCall), what);
    called(outcome.done);
    const took = Date.now() - at;
    const made = { ...shown, ...(of && { of }), at, took, ...answerOf(outcome) };
    await deliveries.add(hook.id, [made]);
    return deliveryItem(made);
  };

  /** What a call told of, as it is now; undefined when that is gone, or not for the owner of the hook any more. */
  const told = async (
    username: string,
    hook: HookRecord,
    { of }: Delivery,
  ): Promise<{ readonly event: string; readonly body: string } | undefined> => {
    const principal = await accounts.principal(username);
    if (!of || !principal || (hook.type === "registry" && !principal.admin)) return undefined;
    if ("notice" in of) {
      const notice = await notices.read(of.notice);
      return notice && { event: notice.type, body: bodyOf(notice, notice.time) };
    }
    const document = await registry.known(of.package, { principal, via: "system" });
    const [happening] = (await happenings(registry.packages, of.package, of.rev - 1, of.rev)).slice(of.n); // prettier-ignore
    return document && happening && toTell(hook, username, happening, document, base);
  };

  return {
    async add(input, caller) {
      demandAccount(caller);
      const { type, name, endpoint, secret, events, packages } = checked(input, egress);
      if (type === "registry" && !caller.principal.admin)
        throw new CitadelError("E_FORBIDDEN", "only administrators have hooks of the registry");
      const username = caller.principal.name;
      const user = await accounts.user(username);
      if (!user) throw new CitadelError("E_USER_NOT_FOUND", "this account is gone");
      const id = randomBytes(8).toString("hex");
      const full = (count: number): void => {
        if (count < settings.perUser) return;
        throw new CitadelError("E_HOOKS_FULL", `${username} has ${count} hooks, and may have ${settings.perUser}`); // prettier-ignore
      };
      full((await ofUser(username)).length);
      const account = user.created;
      const filter = { ...(events && { events }), ...(packages && { packages }) };
      const hook = {
        id,
        type,
        name,
        ...filter,
        endpoint,
        secret: await sealed(id, secret),
        account,
      };
      // what happens from now on is told; without a hook that points to it this is a note about nothing
      const seq = await (await changes()).look();
      const noticed = type === "registry" ? { noticed: await notices.newest() } : {};
      await marks.write(id, { v: 1, seq, ...noticed, of: 0, tries: 0 }, undefined);
      const document = await ledger.change(username, actorOf(caller), ({ hooks } = noHooks) => {
        full(hooks.length);
        return [{ type: "add", hook }];
      });
      const made = document?.state.hooks.find((one) => one.id === id);
      if (!made) throw new Error("a hook that was made is not there");
      return shown({ username, hook: made });
    },

    async list(caller, { name, limit = mostListed, offset = 0 } = {}) {
      demandAccount(caller);
      const found = (await ofCaller(caller))
        .filter(({ hook }) => name === undefined || hook.name === name)
        .toSorted((a, b) => a.hook.created - b.hook.created || (a.hook.id < b.hook.id ? -1 : 1));
      const page = found.slice(offset, offset + Math.min(limit, mostListed));
      return Promise.all(page.map(shown));
    },

    get: async (id, caller) => shown(await find(id, caller)),

    async update(id, to, caller) {
      const owned = await find(id, caller);
      const { endpoint, secret } = checked({ ...owned.hook, ...to }, egress);
      return change(owned, caller, { type: "update", id, endpoint, secret: await sealed(id, secret) }); // prettier-ignore
    },

    switch: async (id, on, caller) =>
      change(await find(id, caller), caller, { type: "switch", id, on }),

    async remove(id, caller) {
      const found = await find(id, caller);
      const info = await shown(found);
      await ledger.change(found.username, actorOf(caller), (state) => {
        if (!state?.hooks.some((one) => one.id === id)) throw notFound();
        return [{ type: "remove", id }];
      });
      await marks.remove(id);
      await deliveries.remove(id);
      return info;
    },

    async test(id, caller) {
      const { username, hook } = await find(id, caller);
      const data = { hook: id, username, by: caller.principal.name };
      const body = bodyOf({ type: "webhook.test", data }, Date.now());
      const callId = `${id}-test-${randomBytes(4).toString("hex")}`;
      return once(hook, { id: callId, event: "webhook.test", body });
    },

    async deliveries(id, caller) {
      await find(id, caller);
      return (await deliveries.list(id)).map(deliveryItem);
    },

    async replay(id, delivery, caller) {
      const { username, hook } = await find(id, caller);
      const made = (await deliveries.list(id)).find((one) => one.id === delivery);
      const again = made && (await told(username, hook, made));
      if (!made || !again)
        throw new CitadelError("E_NOT_FOUND", "what this call told of is not there any more");
      return once(hook, { id: made.id, of: made.of, ...again });
    },

    async deliver(signal) {
      const hooks = await all();
      if (hooks.length === 0) return undefined;
      const feed = await changes();
      await feed.look();
      const turns = createTurns(callers);
      const one = async ({ username, hook }: Owned): Promise<number> => {
        if (signal.aborted) return Infinity;
        try {
          return await deliver(username, hook, feed, signal);
        } catch (error) {
          if (errorCode(error) !== "E_CANCELLED") log("not delivered", { hook: hook.id, error });
          return Date.now() + trouble;
        }
      };
      return Math.min(...(await Promise.all(hooks.map((hook) => turns(() => one(hook))))));
    },

    async waiting() {
      const hooks = await all();
      if (hooks.length === 0) return 0;
      const feed = await changes();
      await feed.look();
      const each = hooks.map(({ hook }) => waitingFor(hook, feed, marks, notices));
      return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
    },
    counts: () => counts,
    close: () => egress.close(),
  };
}

/** @throws E_INVALID_DOCUMENT, E_INVALID_NAME */
function checked(input: HookInput, egress: Egress): HookInput {
  const { type, name, endpoint, secret, events, packages } = input;
  if (secret === "" || secret.length > longestSecret)
    throw invalid(`the secret must be a text of 1 to ${longestSecret} characters`);
  const key = standardKey(secret);
  if (secret.startsWith("whsec_") && (key?.length ?? 0) < leastKey)
    throw invalid(`a secret that begins with whsec_ goes on with ${leastKey} bytes or more in base64`); // prettier-ignore
  if (type !== "registry" && (events ?? packages))
    throw invalid("only a hook of the registry chooses events and packages");
  for (const pattern of [...(events ?? []), ...(packages ?? [])])
    if (!isPattern(pattern)) throw invalid("events and packages are names, beginnings with a star, or *"); // prettier-ignore
  for (const pattern of events ?? [])
    if (![...packageTypes, ...noticeTypes].some((event) => matches(pattern, event)))
      throw invalid("there is no such event");
  const about = { type, name: aboutOf(type, name), events, packages };
  return { ...about, endpoint: endpointOf(endpoint, egress), secret };
}

function aboutOf(type: HookInput["type"], name: string): string {
  if (type === "package") return checkName(name);
  if (type === "registry") {
    if (name === "*") return name;
    throw invalid("a hook of the registry is about *");
  }
  if (type === "owner") {
    if (isUserName(name)) return name;
    throw invalid("the name after ~ is not that of a user");
  }
  const scope = name.startsWith("@") ? name : `@${name}`;
  if (scope.includes("/")) throw invalid("a scope is @ and one word");
  checkName(`${scope}/x`);
  return scope;
}

function endpointOf(endpoint: string, egress: Egress): string {
  if (endpoint.length > longestEndpoint || !URL.canParse(endpoint))
    throw invalid("the endpoint is not an address");
  const url = new URL(endpoint);
  url.hash = "";
  try {
    egress.check(url);
  } catch (error) {
    if (errorCode(error) !== "E_REMOTE_ADDRESS") throw error;
    throw new CitadelError("E_INVALID_DOCUMENT", `the endpoint is refused: ${(error as Error).message}`, {
      cause: error,
      hint: ["use an https address on the public internet", "or have its host allowed: hooks.allow"],
    }); // prettier-ignore
  }
  return url.href;
}

/** Whoever has a hook hears of everything that the account may read: a credential that may do less has none. */
function demandAccount({ principal }: Caller): void {
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "hooks need an account: log in first");
  const whole = principal.kind === "user" || principal.kind === "local";
  if (!whole || principal.grant?.manage === false)
    throw new CitadelError("E_FORBIDDEN", "this token must not see or change hooks", {
      hint: ["use one that may do everything that you may: npm login"],
    });
}

const invalid = (message: string): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, { hint: ["see docs/hooks.md"] });
const notFound = (): CitadelError =>
  new CitadelError("E_NOT_FOUND", "you have no such hook", { hint: ["see them: npm hook ls"] });
