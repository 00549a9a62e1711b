/** Who is the last to wait for each lock. */
export type Locks = Map<string, Promise<unknown>>;

/** Runs `work` when everything else that asked for the same lock of this table before has ended. */
export async function locked<T>(locks: Locks, lock: string, work: () => Promise<T>): Promise<T> {
  const before = locks.get(lock);
  const mine = (async () => {
    await before?.catch(() => {});
    return work();
  })();
  locks.set(lock, mine);
  try {
    return await mine;
  } finally {
    if (locks.get(lock) === mine) locks.delete(lock);
  }
}
