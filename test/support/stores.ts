import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { startS3 } from "../servers/s3.ts";

/** The stores that hold a whole registry each. */
export const storeNames = ["folder", "SQLite", "Redis", "PostgreSQL", "S3", "Redis+S3"] as const;
export type StoreName = (typeof storeNames)[number];

/** The variables that make a registry of a store that nobody else has, its files below `folder`. */
export type StoreVariables = (folder: string) => NodeJS.ProcessEnv;

/** Starts the servers that `wanted` need; a store whose server is missing is undefined. */
export async function startStores(wanted: readonly StoreName[]): Promise<{
  readonly stores: Readonly<Record<StoreName, StoreVariables | undefined>>;
  stop(): Promise<void>;
}> {
  const needs = (name: string) => wanted.some((store) => store.includes(name));
  const [redis, postgres, s3] = await Promise.all([
    needs("Redis") ? startRedis() : undefined,
    needs("PostgreSQL") ? startPostgres() : undefined,
    needs("S3") ? startS3() : undefined,
  ]);
  return {
    stores: {
      folder: (folder) => ({ CITADEL_STORE: `file:${folder}/store` }),
      SQLite: (folder) => ({ CITADEL_STORE: `sqlite:${folder}/registry.db` }),
      Redis: redis && (() => ({ CITADEL_STORE: redis.store() })),
      PostgreSQL: postgres && (() => ({ CITADEL_STORE: postgres.store() })),
      S3: s3 && (() => ({ CITADEL_STORE: s3.bucket() })),
      "Redis+S3":
        redis &&
        s3 &&
        (() => ({ CITADEL_STORE_DOCUMENTS: redis.store(), CITADEL_STORE_BLOBS: s3.bucket() })),
    },
    async stop() {
      await Promise.all([redis?.stop(), postgres?.stop(), s3?.stop()]);
    },
  };
}
