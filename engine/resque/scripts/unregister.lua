-- Take a worker off the register; the job in its hands becomes a failure in the same step.
--
-- include trail.inc.lua
-- include claim.inc.lua
--
-- KEYS[4] workers   KEYS[5] workers:heartbeat   KEYS[6] the worker's record
-- KEYS[7] the worker's start time   KEYS[8] its processed   KEYS[9] its failed
-- KEYS[10] the list of failures   KEYS[11] failed_queues   KEYS[12] the worker's claim to its id
-- After the trail's arguments, ARGV holds:
--   worker id   the record expected, '' when the worker is expected to be idle
--   the failure entry for that job, or ''
--   the name of KEYS[10] for the set of failed queues, or '' (one list for all)
--   the heartbeat expected, '' for any, '-' for none
--   the token of the process that leaves its own place, or ''
-- Returns {1, false}; {2, false} when the place, or the record in it, is not that process's: then
-- only its claim is taken away; {0, the present record or false} when that, or the heartbeat, is not the
-- expected one, in which case nothing is done. Cost: O(1).
local id, entry, beat = ARGV[base + 1], ARGV[base + 3], ARGV[base + 5]
local record = redis.call('GET', KEYS[6])
if (record or '') ~= ARGV[base + 2] or (beat ~= '' and (redis.call('HGET', KEYS[5], id) or '-') ~= beat) then
  return {0, record}
end
local token = ARGV[base + 6]
if token ~= '' then
  local claim = redis.call('GET', KEYS[12])
  if not bears(claim, token) then
    return {2, false}
  end
  if record and not wrote(claim, record) then
    redis.call('DEL', KEYS[12])
    return {2, false}
  end
end
-- An error before anything is done, if these are of another kind: the record still has the job.
redis.call('SISMEMBER', KEYS[4], id)
redis.call('HEXISTS', KEYS[5], id)
if entry ~= '' then
  redis.call('LLEN', KEYS[10])
  if ARGV[base + 4] ~= '' then
    redis.call('SISMEMBER', KEYS[11], '')
  end
end
need('DEL', KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[12])
need('SREM', KEYS[4])
need('HDEL', KEYS[5])
if entry ~= '' then
  need('RPUSH', KEYS[10])
  if ARGV[base + 4] ~= '' then
    need('SADD', KEYS[11])
  end
end
if refused then
  return refused
end
-- Deleting first: a server out of memory lets a script go on that has begun with that.
redis.call('DEL', KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[12])
redis.call('SREM', KEYS[4], id)
redis.call('HDEL', KEYS[5], id)
if entry ~= '' then
  if ARGV[base + 4] ~= '' then
    redis.call('SADD', KEYS[11], ARGV[base + 4])
  end
  redis.call('RPUSH', KEYS[10], entry)
end
note('workers', 1)
return {1, false}
