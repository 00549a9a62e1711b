import type { Caller } from "../../access/types.ts";
import { CitadelError } from "../../errors.ts";
import { createTurns } from "../../turns.ts";
import { actorOf, type Context } from "../context.ts";
import type { Publishing, Ready, Stored } from "../publish.ts";
import type { PublishedBatch, PublishInput, Published } from "../types.ts";

/** packages checked and stored at once */
const atOnce = 4;
const most = 1000;

/**
 * See {@link Registry.publishBatch}. Everything is checked and stored first, then each package takes its version in, held back;
 * the batch's own document then says whether it counts.
 */
export async function publishBatch(
  context: Context,
  { prepare, put }: Pick<Publishing, "prepare" | "put">,
  inputs: readonly PublishInput[],
  caller: Caller,
): Promise<PublishedBatch> {
  const { packages, batches } = context;

  /** The package takes it in, held back. */
  const reserve = (id: string, { ready, events }: Stored): Promise<unknown> =>
    batches.claim(ready.name, ready.version, actorOf(caller), (state) => {
      if (ready.check(state) === "repeated") throw taken([ready]);
      return [{ type: "reserve", batch: id, events: events(state) }];
    });

  const published = async (one: Ready, repeated: boolean): Promise<Published> => {
    const document = await packages.read(one.name);
    if (!document) throw new Error(`the publish of ${one.name} left no document`);
    return one.published(document, repeated);
  };

  checkBatch(inputs);
  const sorted = inputs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const ready = await inTurns(sorted, (input) => prepare(input, caller, "write"));
  const repeated = ready.filter(({ check, before }) => check(before?.state) === "repeated");
  if (repeated.length === ready.length) {
    const again = await Promise.all(ready.map((one) => published(one, true)));
    return { items: again, repeated: true };
  }
  if (repeated.length > 0) throw taken(repeated);

  const stored = await inTurns(ready, (one) => put(one, caller));
  const versions = Object.fromEntries(ready.map(({ name, version }) => [name, version]));
  const id = await batches.open(actorOf(caller), versions);
  try {
    // in the order of names: of two batches with a package in common, one gets past it
    for (const one of stored) await reserve(id, one);
    if ((await batches.end(id, "commit", actorOf(caller))) !== "committed") throw overtaken();
  } catch (error) {
    // a commit whose answer got lost may have arrived
    if ((await batches.end(id, "abort")) !== "committed") {
      await batches.settle(id);
      throw error;
    }
  }
  // it counts already; whoever reads one of the packages does what is left to do
  await batches.settle(id).catch(() => {});
  return {
    id,
    items: await Promise.all(ready.map((one) => published(one, false))),
    repeated: false,
  };
}

function checkBatch(inputs: readonly PublishInput[]): void {
  const invalid = (message: string) => new CitadelError("E_INVALID_DOCUMENT", message);
  if (inputs.length === 0) throw invalid("the batch is empty");
  if (inputs.length > most) throw invalid(`a batch has at most ${most} packages`);
  const names = new Set<string>();
  for (const { name } of inputs) {
    if (names.has(name)) throw invalid(`${name} is in the batch twice`);
    names.add(name);
  }
}

const taken = (ready: readonly Ready[]): CitadelError =>
  new CitadelError(
    "E_VERSION_EXISTS",
    `already published: ${ready.map(({ name, version }) => `${name}@${version}`).join(", ")}`,
    {
      hint: [
        "nothing of the batch was published; leave out what is there, or give it a new number",
      ],
    },
  );

const overtaken = (): CitadelError =>
  new CitadelError("E_CONFLICT", "another publish of one of these versions came in between", {
    hint: ["nothing of the batch was published; look what is there, and try again"],
  });

/** `work` on all, a few at once, results in order; fails when all have ended. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const turn = createTurns(atOnce);
  const ended = await Promise.allSettled(items.map((item) => turn(() => work(item))));
  return ended.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}
