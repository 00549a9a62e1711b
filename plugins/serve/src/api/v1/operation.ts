import type * as z from "zod";
import type { Handler } from "../../npm/room.ts";

/** One operation: what it does, and what the description of the API says of it. */
export interface Operation {
  readonly id: string;
  readonly method: "get" | "post" | "delete";
  /** below `/api/v1`, with `{name}` for what varies */
  readonly path: string;
  readonly summary: string;
  readonly tag: "packages" | "registry" | "accounts";
  readonly handler: Handler;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** status of success, and its body; none: bytes, or nothing with 204 */
  readonly answer: readonly [status: 200 | 201 | 204, schema?: z.ZodType];
  /** statuses of the errors that it may answer with besides 400, 429 and 500 */
  readonly errors: readonly number[];
  /** needs a credential whatever the package */
  readonly signedIn?: true;
}
