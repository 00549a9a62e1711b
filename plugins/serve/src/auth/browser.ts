import { CitadelError, errorCode, errorObject } from "@citadel/core";
import type { Context } from "hono";
import { readText } from "../http/body.ts";
import { param, type Env, type Handler, type Visit } from "../npm/room.ts";
import { isForm, isStep, type Approval } from "./approvals.ts";
import type { Html } from "./html.ts";
import { code as codePage } from "./pages/code.ts";
import { approve as approvePage, confirm } from "./pages/confirm.ts";
import { allowed, failed, refused } from "./pages/end.ts";
import { page } from "./pages/page.ts";
import { signIn } from "./pages/sign-in.ts";
import { signUp } from "./pages/sign-up.ts";

/** bytes of a form */
const largest = 16 * 1024;

/** `GET /-/auth/<id>`: a log-in, or a request that needs a code, at its first step. Changes nothing. */
export const getPage: Handler = (c) =>
  shown(c, async (visit, id) => {
    const approval = await opened(visit, id);
    if (approval.code) return ["Approve", approvePage(id, approval)];
    const query = new URL(c.req.url).searchParams;
    if (query.has("new") && (await mayJoin(visit)))
      return ["Make an account", signUp({ approval, signIn: pathOf(visit, id) })];
    return ["Sign in", await firstPage(visit, id, approval)];
  });

/** `POST /-/auth/<id>`: what the buttons do. Each form is good for its own step only. */
export const postPage: Handler = (c) =>
  shown(c, async (visit, id) => {
    sentFromHere(visit);
    const form = new URLSearchParams(await readText(c.req.raw, largest));
    const approval = await opened(visit, id);
    const wanted = form.get("do") ?? "";
    const act = Object.hasOwn(acts, wanted) ? acts[wanted as keyof typeof acts] : undefined;
    if (!act) throw new CitadelError("E_BAD_REQUEST", "the form is not one of this page");
    return act({ visit, id, approval, field: (name) => form.get(name) ?? "" });
  });

interface Act {
  readonly visit: Visit;
  readonly id: string;
  readonly approval: Approval;
  readonly field: (name: string) => string;
}
type Page = readonly [title: string, body: Html, status?: number];

const acts = {
  async "sign-in"({ visit, id, approval, field }: Act): Promise<Page> {
    const { accounts } = visit.shared.citadel;
    first(approval, field, "login");
    const name = field("name").trim();
    try {
      await accounts.byPassword(name, field("password"), from(visit));
    } catch (error) {
      const message = told(error);
      return ["Sign in", await firstPage(visit, id, approval, { name, error: message }), 401];
    }
    const { secondFactor } = (await accounts.user(name)) ?? {};
    const asks = secondFactor ? "code" : "confirm";
    const form = await visit.shared.approvals.step(id, name, asks);
    return secondFactor
      ? ["One-time password", codePage(form, name)]
      : ["Allow", confirm(id, approval, form, name)];
  },

  async "sign-up"({ visit, id, approval, field }: Act): Promise<Page> {
    first(approval, field, "login");
    if (!(await mayJoin(visit)))
      throw new CitadelError("E_FORBIDDEN", "accounts cannot be made here");
    const [name, email] = [field("name").trim(), field("email").trim()];
    try {
      const who = { name, via: "npm", ...from(visit) } as const;
      await visit.shared.citadel.accounts.create({ name, email, password: field("password") }, who);
    } catch (error) {
      const again = { approval, name, email, error: told(error), signIn: pathOf(visit, id) };
      return ["Make an account", signUp(again), 400];
    }
    const form = await visit.shared.approvals.step(id, name, "confirm");
    return ["Allow", confirm(id, approval, form, name)];
  },

  async code({ visit, id, approval, field }: Act): Promise<Page> {
    const user = stepOf(approval, field, "code");
    const { accounts } = visit.shared.citadel;
    try {
      await accounts.checkCode(user, field("code"), { name: user, via: "npm", ...from(visit) });
    } catch (error) {
      return ["One-time password", codePage(field("form"), user, told(error)), 401];
    }
    const form = await visit.shared.approvals.step(id, user, "confirm");
    return ["Allow", confirm(id, approval, form, user)];
  },

  async allow({ visit, id, approval, field }: Act): Promise<Page> {
    const user = stepOf(approval, field, "confirm");
    await visit.shared.approvals.approve(id, user);
    return ["Logged in", allowed(user, true)];
  },

  async approve({ visit, id, approval, field }: Act): Promise<Page> {
    first(approval, field, "code");
    const user = approval.code?.user ?? "";
    const { accounts } = visit.shared.citadel;
    try {
      await accounts.checkCode(user, field("code"), { name: user, via: "npm", ...from(visit) });
    } catch (error) {
      return ["Approve", approvePage(id, approval, told(error)), 401];
    }
    await visit.shared.approvals.approve(id, user);
    return ["Approved", allowed(user, false)];
  },

  async refuse({ visit, id, approval, field }: Act): Promise<Page> {
    const asks = approval.step?.asks;
    if (!isForm(field("form"), approval) && !(asks && isStep(field("form"), approval, asks)))
      throw stale();
    await visit.shared.approvals.refuse(id);
    return ["Refused", refused()];
  },
} as const;

/** Any answer under this address is a page, errors too. */
async function shown(
  c: Context<Env>,
  work: (visit: Visit, id: string) => Promise<Page>,
): Promise<Response> {
  const site = new URL(c.env.site.base).host;
  try {
    const [title, body, status] = await work(c.env, param(c, "id"));
    return page({ title, site, body, ...(status !== undefined && { status }) });
  } catch (error) {
    const { message, hint, status } = errorObject(error);
    return page({ title: "This does not work", site, body: failed(message, hint[0]), status });
  }
}

async function opened(visit: Visit, id: string): Promise<Approval> {
  const approval = await visit.shared.approvals.look(id);
  if (approval.state === "open") return approval;
  throw new CitadelError("E_NOT_FOUND", "this request was answered already", {
    hint: ["run the command in the terminal again, if you still need it"],
  });
}

/** Browsers say where a form comes from; what does not say it is none of ours. */
function sentFromHere({ asked }: Visit): void {
  const type = asked.header("content-type") ?? "";
  const known =
    asked.header("origin") !== undefined || asked.header("sec-fetch-site") !== undefined;
  if (!known || !/^application\/x-www-form-urlencoded\b/i.test(type))
    throw new CitadelError("E_CROSS_ORIGIN", "this form must be sent from the page itself");
}

function first(approval: Approval, field: Act["field"], kind: "login" | "code"): void {
  if ((approval.code ? "code" : "login") !== kind || !isForm(field("form"), approval))
    throw stale();
}

/** Who has signed in on this page. */
function stepOf(approval: Approval, field: Act["field"], asks: "code" | "confirm"): string {
  const { step } = approval;
  if (!step || !isStep(field("form"), approval, asks)) throw stale();
  return step.user;
}

const stale = (): CitadelError =>
  new CitadelError("E_BAD_REQUEST", "this page is out of date, or somebody else goes on with it", {
    hint: ["open the address from the terminal again"],
  });

const firstPage = async (
  visit: Visit,
  id: string,
  approval: Approval,
  more: { readonly name?: string; readonly error?: string } = {},
): Promise<Html> =>
  signIn({
    id,
    approval,
    ...more,
    signUp: (await mayJoin(visit)) ? `${pathOf(visit, id)}?new` : undefined,
  });

const mayJoin = ({ shared, asked }: Visit): Promise<boolean> => shared.signup(asked);

/** Path of the page; stays on the host that the browser uses. */
const pathOf = ({ site }: Visit, id: string): string =>
  `${new URL(site.base).pathname}-/auth/${id}`;

function from({ shared, asked }: Visit): { readonly address?: string } {
  const address = shared.guard.client(asked);
  return address === undefined ? {} : { address };
}

/** What a person may be told of it; what is wrong with the registry is not theirs. */
function told(error: unknown): string {
  const { status, message } = errorObject(error);
  if (errorCode(error) === undefined || status >= 500) throw error;
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
