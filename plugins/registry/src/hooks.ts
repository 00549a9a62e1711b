import { CitadelError } from "@citadel/core/errors";
import type { DeliveryItem } from "@citadel/core/hooks";

/** How a call went, in a line. @throws E_REMOTE_ANSWER, E_REMOTE_UNAVAILABLE when it was in vain */
export function outcomeOf({ response_code: code, error, took }: DeliveryItem): string {
  if (code === null)
    throw new CitadelError("E_REMOTE_UNAVAILABLE", `the address could not be called: ${error ?? "no answer"}`); // prettier-ignore
  if (code < 200 || code > 299)
    throw new CitadelError("E_REMOTE_ANSWER", `the address answered ${code}`);
  return `it answered ${code} within ${took} ms`;
}
