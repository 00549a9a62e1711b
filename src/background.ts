/** What is done besides answers. */
export const jobs = ["catalog", "downloads", "eviction", "hooks", "rotation"] as const;
export type Job = (typeof jobs)[number];

/** Counts the runs of work that nobody waits for. */
export interface Background {
  /** Does it, and counts how it went. Rejects as it does. */
  run<T>(job: Job, work: () => Promise<T>): Promise<T>;
  /** of this process since it began */
  counts(): Readonly<Record<Job, { readonly ok: number; readonly failed: number }>>;
}

export function createBackground(): Background {
  const none = () => ({ ok: 0, failed: 0 });
  const counts = Object.fromEntries(jobs.map((job) => [job, none()])) as Record<
    Job,
    ReturnType<typeof none>
  >;
  return {
    async run(job, work) {
      try {
        const result = await work();
        counts[job].ok++;
        return result;
      } catch (error) {
        counts[job].failed++;
        throw error;
      }
    },
    counts: () => counts,
  };
}
