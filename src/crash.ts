/** Moments of a publish, or of a change of the vault, at which a fault test may kill the process. */
export type CrashPoint = "blob" | "manifest" | "entry" | "document" | "answer" | "slot" | "pin";

/**
 * Kills this process with SIGKILL at the n-th passing of a point; for the tests that prove what a crash leaves behind.
 * @param spec `<point>:<n>`, the value of `CITADEL_CRASH_AT`; undefined: never
 */
export function crashAt(spec: string | undefined): (point: CrashPoint) => void {
  if (!spec) return () => {};
  const [wanted, count = "1"] = spec.split(":");
  let left = Number(count);
  return (point) => {
    if (point === wanted && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}
