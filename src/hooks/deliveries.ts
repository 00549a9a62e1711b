import type { Driver, Key } from "../driver/index.ts";

/** calls of a hook that are remembered */
const most = 100;

/** A call, as the owner of its hook sees it: nothing of the answer but its status. */
export interface Delivery {
  /** the `webhook-id` */
  readonly id: string;
  readonly event: string;
  /** ms since 1970 */
  readonly at: number;
  /** ms that it took */
  readonly took: number;
  /** status of the answer; undefined: there was none */
  readonly code?: number;
  /** why there was none */
  readonly error?: string;
  /** what it told of; undefined for a test, which cannot be told again */
  readonly of?:
    | { readonly package: string; readonly rev: number; readonly n: number }
    | { readonly notice: number };
}

export interface Deliveries {
  /** newest first */
  list(hook: string): Promise<readonly Delivery[]>;
  /** Of two who write at once one may be lost: it is a log for people. */
  add(hook: string, calls: readonly Delivery[]): Promise<void>;
  remove(hook: string): Promise<void>;
}

const keyOf = (hook: string): Key => `n/deliveries/${hook}`;

export function createDeliveryLog(driver: Driver): Deliveries {
  const list = async (hook: string): Promise<readonly Delivery[]> => {
    const item = await driver.get(keyOf(hook));
    if (!item) return [];
    return (JSON.parse(Buffer.from(item.body).toString()) as { items: Delivery[] }).items;
  };
  return {
    list,
    async add(hook, calls) {
      if (calls.length === 0) return;
      const items = [...calls.toReversed(), ...(await list(hook))].slice(0, most);
      const body = Buffer.from(JSON.stringify({ v: 1, items }));
      await driver.put(keyOf(hook), body, { relaxed: true });
    },
    remove: (hook) => driver.delete(keyOf(hook)),
  };
}

/** As programs see it. */
export type DeliveryItem = ReturnType<typeof deliveryItem>;
export const deliveryItem = ({ id, event, at, took, code, error }: Delivery) => ({
  ...{ id, event, took },
  at: new Date(at).toISOString(),
  response_code: code ?? null,
  error: error ?? null,
});
