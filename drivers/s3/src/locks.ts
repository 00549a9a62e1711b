type Locks = Map<string, Promise<unknown>>;

// one table for the whole process, also when this package is there twice: that is what "one writer" means
const name = Symbol.for("citadel.s3.locks");
const locks = (): Locks => {
  const place = globalThis as { [name]?: Locks };
  return (place[name] ??= new Map());
};

/** Runs `work` when everything else in this process that asked for the same lock before has ended. */
export async function locked<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const all = locks();
  const before = all.get(lock);
  const mine = (async () => {
    await before?.catch(() => {});
    return work();
  })();
  all.set(lock, mine);
  try {
    return await mine;
  } finally {
    if (all.get(lock) === mine) all.delete(lock);
  }
}
