import { createHash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { CitadelError } from "@citadel/core";
import { temporary, type Store } from "@citadel/core/store";

/** ms that something waits for its approval */
const lifetime = 5 * 60_000;
/** neither vowels nor letters that look like digits */
const readable = "BCDFGHJKLMNPQRSTVWXZ23456789";

/** What the page says about who asks. None of it is proven. */
export interface Asking {
  /** client address, after trusted proxies */
  readonly address: string;
  /** `npm/12.2.0 node/v24.21.0 linux x64` */
  readonly client: string;
  /** what the machine calls itself */
  readonly hostname: string;
  /** npm's word for what it does: `login`, `publish` */
  readonly command: string;
}

/** Whose code it stands for, and the one request that it is good for. */
export interface CodeOf {
  readonly user: string;
  /** id of the token that the request showed; empty for a password */
  readonly token: string;
  /** method and path */
  readonly action: string;
}

/** A log-in, or a one-time password, that waits for a person at a browser. */
export interface Approval {
  readonly asking: Asking;
  /** a code to approve; absent: a log-in */
  readonly code?: CodeOf;
  /** hidden in the first form */
  readonly form: string;
  /** SHA-256 of what only the one knows who asked */
  readonly poll: string;
  /** who has signed in on the page, what the page asks next, and the SHA-256 of what its form hides */
  readonly step?: {
    readonly user: string;
    readonly asks: "code" | "confirm";
    readonly form: string;
  };
  readonly state: "open" | "approved" | "refused" | "given" | "used";
  /** who approved it */
  readonly by?: string;
  /** SHA-256 of the one-time password that was given out */
  readonly given?: string;
}

/** Where it is approved, and what waits for it. */
export interface Opened {
  readonly id: string;
  readonly poll: string;
}

export interface Approvals {
  open(what: Pick<Approval, "asking" | "code">): Promise<Opened>;
  /** @throws E_NOT_FOUND when it was never there, is over or was used */
  look(id: string): Promise<Approval>;
  /** @returns the secret of the next form */
  step(id: string, user: string, asks: "code" | "confirm"): Promise<string>;
  approve(id: string, by: string): Promise<void>;
  refuse(id: string): Promise<void>;
  /**
   * What became of it, for the one who asked; what was approved is handed out once: a log-in as the name of its user, a
   * one-time password as text.
   * @param token id of the token that the poll shows
   * @throws E_NOT_FOUND also for somebody else, E_FORBIDDEN when it was refused
   */
  poll(
    id: string,
    secret: string,
    token: string,
  ): Promise<{ readonly user: string } | { readonly code: string } | undefined>;
  /** Uses up a one-time password that {@link Approvals.poll} gave out. @returns whether it was good for this */
  use(code: string, of: CodeOf): Promise<boolean>;
}

/** Approvals in the store, so that page, poll and request may reach different servers. Secrets lie there as hashes. */
export function createApprovals({ driver }: Pick<Store, "driver">): Approvals {
  const all = temporary<Approval>(driver, "approvals");

  /** Changes one that waits. */
  const change = <R>(
    id: string,
    decide: (now: Approval) => { readonly next?: Approval; readonly answer: R },
  ): Promise<R> =>
    all.change(checked(id), (now) => {
      if (!now) throw over();
      const { next, answer } = decide(now.value);
      return { next: next && { value: next, until: now.until }, answer };
    });
  const whileOpen = (id: string, decide: (now: Approval) => Approval): Promise<void> =>
    change(id, (now) => {
      if (now.state !== "open") throw over();
      return { next: decide(now), answer: undefined };
    });

  return {
    async open(what) {
      const id = `${words()}-${secret()}`;
      const poll = secret();
      const value: Approval = { ...what, form: secret(), poll: hashOf(poll), state: "open" };
      await all.change(id, () => ({
        next: { value, until: Date.now() + lifetime },
        answer: undefined,
      }));
      return { id, poll };
    },

    async look(id) {
      const found = await all.read(checked(id));
      if (!found) throw over();
      return found;
    },

    async step(id, user, asks) {
      const form = secret();
      await whileOpen(id, (now) => ({ ...now, step: { user, asks, form: hashOf(form) } }));
      return form;
    },

    approve: (id, by) =>
      whileOpen(id, ({ step: _, ...now }) => ({ ...now, state: "approved", by })),
    refuse: (id) => whileOpen(id, ({ step: _, ...now }) => ({ ...now, state: "refused" })),

    poll: (id, shown, token) =>
      change<{ user: string } | { code: string } | undefined>(id, (now) => {
        if (!isHashOf(shown, now.poll) || (now.code && now.code.token !== token)) throw over();
        if (now.state === "open") return { answer: undefined };
        if (now.state === "refused")
          throw new CitadelError("E_FORBIDDEN", "it was refused in the browser", {
            hint: ["run the command again, and allow it"],
          });
        if (now.state !== "approved") throw over();
        if (!now.code) return { next: { ...now, state: "used" }, answer: { user: now.by ?? "" } };
        const code = `${prefix}${id}.${secret()}`;
        return { next: { ...now, state: "given", given: hashOf(code) }, answer: { code } };
      }),

    async use(code, { user, token, action }) {
      const id = code.slice(prefix.length).split(".", 1)[0] ?? "";
      try {
        return await change<boolean>(id, (now) => {
          const of = now.code;
          const good =
            now.state === "given" &&
            isHashOf(code, now.given ?? "") &&
            of?.user === user &&
            of.token === token &&
            of.action === action;
          return good ? { next: { ...now, state: "used" }, answer: true } : { answer: false };
        });
      } catch (error) {
        if ((error as { code?: unknown }).code === "E_NOT_FOUND") return false;
        throw error;
      }
    },
  };
}

const prefix = "web.";

/** Whether a one-time password comes from an approval in the browser, not from an app. */
export const isApproved = (code: string): boolean => code.startsWith(prefix);

/** The part of an id that people compare. */
export const wordsOf = (id: string): string => id.slice(0, 9);

/** Whether the form was made for this page: its first one, or the one after `user` had signed in. */
export const isForm = (shown: string, { form }: Approval): boolean => isHashOf(shown, hashOf(form));
export const isStep = (shown: string, { step }: Approval, asks: "code" | "confirm"): boolean =>
  step?.asks === asks && isHashOf(shown, step.form);

function checked(id: string): string {
  if (!/^[A-Z\d]{4}-[A-Z\d]{4}-[\w-]{22}$/.test(id)) throw over();
  return id;
}

const over = (): CitadelError =>
  new CitadelError(
    "E_NOT_FOUND",
    "this request is over: it took more than 5 minutes, or it was answered",
    {
      hint: ["run the command in the terminal again"],
    },
  );

/** 128 bits */
const secret = (): string => randomBytes(16).toString("base64url");
const words = (): string =>
  Array.from({ length: 8 }, () => readable[randomInt(readable.length)])
    .join("")
    .replace(/^.{4}/, "$&-");
const hashOf = (text: string): string => createHash("sha256").update(text).digest("base64url");
const isHashOf = (text: string, hash: string): boolean => {
  const [one, other] = [Buffer.from(hashOf(text)), Buffer.from(hash)];
  return one.length === other.length && timingSafeEqual(one, other);
};
