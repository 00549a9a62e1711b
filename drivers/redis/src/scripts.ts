import { createHash } from "node:crypto";

/** A Lua script and the name under which a server that has seen it knows it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

const script = (lua: string): Script => ({
  lua,
  sha: createHash("sha1").update(lua).digest("hex"),
});

/** Changes that the feed remembers, at least. */
const KEPT = 10_000;

/**
 * Every change of an object, whole or not at all: object, index, expiry and feed.
 * KEYS object, index, expiries, feed, store. ARGV key, condition ("", "-" for absent, "=" and an etag), prefix of
 * blobs, a new epoch, operation; for put and adopt also etag, size, expires, meta, and the body or blob and chunks.
 * Answers {"done", modified}, {"conflict", current etag or ""} or {"gone"} when the blob is not whole any more.
 */
export const change = script(`
local object, index, expiries, feed, store = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local key, condition, blobs, epoch, operation = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local etag, size, expires, meta, content, chunks = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local old = redis.call('HMGET', object, 'e', 'c')
if condition == '-' and old[1] then return {'conflict', old[1]} end
if string.sub(condition, 1, 1) == '=' and (not old[1] or condition ~= '=' .. old[1]) then
  return {'conflict', old[1] or ''}
end
if operation == 'adopt' and redis.call('HLEN', blobs .. content) ~= tonumber(chunks) then return {'gone'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if operation == 'delete' then
  if not old[1] then return {'done', ''} end
  redis.call('UNLINK', object) -- first, so that a full server can be emptied
end
-- refused by a full server, and nothing was changed before
local n = redis.call('HINCRBY', store, 'n', 1)
if n == 1 then redis.call('HSETNX', store, 'epoch', epoch) end
redis.call('XADD', feed, 'MAXLEN', '~', ${KEPT}, string.format('%.0f-0', n), 'k', key)
if old[2] then redis.call('UNLINK', blobs .. old[2]) end
if operation == 'delete' then
  redis.call('ZREM', index, key)
  redis.call('ZREM', expiries, key)
  return {'done', ''}
end
redis.call('UNLINK', object)
local modified = string.format('%.0f', now)
redis.call('HSET', object, 'e', etag, 's', size, 'm', modified, operation == 'put' and 'b' or 'c', content)
if meta ~= '' then redis.call('HSET', object, 't', meta) end
if operation == 'adopt' then redis.call('PERSIST', blobs .. content) end
if expires == '' then
  redis.call('ZREM', expiries, key)
  redis.call('ZADD', index, 0, key)
else
  redis.call('HSET', object, 'x', expires)
  redis.call('PEXPIREAT', object, expires)
  if operation == 'adopt' then redis.call('PEXPIREAT', blobs .. content, expires) end
  if tonumber(expires) <= now then
    redis.call('ZREM', expiries, key)
    redis.call('ZREM', index, key)
  else
    redis.call('ZADD', expiries, expires, key)
    redis.call('ZADD', index, 0, key)
  end
end
return {'done', modified}
`);

/** One chunk of a blob that no object names yet; it goes by itself when nobody adds to it or adopts it.
 *  KEYS blob. ARGV number of the chunk, its bytes, ms to live. */
export const spill = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
`);

/** The next keys of the index with their entries; those that have expired leave the index.
 *  KEYS index, expiries. ARGV min, max, how many, prefix of objects. Answers {entries, last key when there may be more}. */
export const list = script(`
local keys = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])
local entries = {}
for _, key in ipairs(keys) do
  local found = redis.call('HMGET', ARGV[4] .. key, 'e', 's', 'm', 'x')
  if found[1] then
    entries[#entries + 1] = {key, found[1], found[2], found[3], found[4]}
  else
    redis.call('ZREM', KEYS[1], key)
    redis.call('ZREM', KEYS[2], key)
  end
end
return {entries, #keys == tonumber(ARGV[3]) and keys[#keys] or ''}
`);

/** Takes expired keys out of the index. KEYS index, expiries. ARGV prefix of objects, at most. Answers how many. */
export const expire = script(`
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local removed = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  if redis.call('EXISTS', ARGV[1] .. key) == 0 then
    redis.call('ZREM', KEYS[1], key)
    redis.call('ZREM', KEYS[2], key)
    removed = removed + 1
  end
end
return removed
`);

/** What is newest, and the changes from a number on. KEYS feed, store. ARGV number, at most. */
export const look = script(`
local known = redis.call('HMGET', KEYS[2], 'epoch', 'n')
return {known[1] or '', known[2] or '0', redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])}
`);
