import { topics, type Hello, type Topic } from "@citadel/core/frames";
import type { Rights } from "../dashboard/session.ts";

const needed: Readonly<Partial<Record<Topic, keyof Rights>>> = {
  package: "write",
  security: "admin",
  terminal: "admin",
};

export const mayHear = (rights: Rights, topic: Topic): boolean => rights[needed[topic] ?? "read"];

export const topicsOf = (rights: Rights): readonly Topic[] =>
  topics.filter((topic) => mayHear(rights, topic));

export const namesOf = (rights: Rights): Hello["rights"] =>
  (["read", "write", "admin"] as const).filter((name) => rights[name]);

/** Whether somebody may not do any more what they might before. */
export const isLess = (now: Rights, before: Rights): boolean =>
  namesOf(before).some((name) => !now[name]);
