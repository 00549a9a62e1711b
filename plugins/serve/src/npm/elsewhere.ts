import { errorCode } from "@citadel/core";

/** What is here, or, for a package that is not, what an upstream has; without upstreams only the former. */
export async function orElsewhere<T>(
  here: Promise<T>,
  there: (() => Promise<T>) | undefined,
): Promise<T> {
  if (!there) return here;
  try {
    return await here;
  } catch (error) {
    if (errorCode(error) !== "E_PACKAGE_NOT_FOUND") throw error;
    return there();
  }
}
