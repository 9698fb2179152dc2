-- Take a worker's id for one process, if what is kept under it is still as it was seen: nothing, the
-- remains of a dead worker, or what this process wrote itself. What a dead one held becomes a
-- failure in the same step.
--
-- include rights.inc.lua
-- include claim.inc.lua
--
-- KEYS[1] the claim   KEYS[2] workers   KEYS[3] workers:heartbeat   KEYS[4] the worker's record
-- KEYS[5] the worker's start time   KEYS[6] its processed   KEYS[7] its failed
-- KEYS[8] the list of failures   KEYS[9] failed_queues
-- ARGV[1] worker id   ARGV[2] the token (32 figures)   ARGV[3] where the process is
-- ARGV[4] how long the claim lasts, in milliseconds   ARGV[5] start time   ARGV[6] heartbeat
-- What was seen, '' for what is absent:
-- ARGV[7] the claim   ARGV[8] the heartbeat   ARGV[9] the record   ARGV[10] '1' when registered
-- ARGV[11] '1' to go on with what is there: the record and the counts are this process's own
-- ARGV[12] the failure entry for the record, or ''
-- ARGV[13] the name of KEYS[8] for the set of failed queues, or '' (one list for all)
-- Returns {1}; or, when something else is there, what: {0, claim, heartbeat, record, registered
-- (0 or 1), the server's seconds, its microseconds}. Then nothing is done. Cost: O(1).
local id, keeps, entry, list_name = ARGV[1], ARGV[11] == '1', ARGV[12], ARGV[13]
local claim, beat = redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[3], id)
local record, registered = redis.call('GET', KEYS[4]), redis.call('SISMEMBER', KEYS[2], id)
local is_as_seen = (claim or '') == ARGV[7] and (beat or '') == ARGV[8] and (record or '') == ARGV[9]
if not is_as_seen or tostring(registered) ~= ARGV[10] then
  local now = redis.call('TIME')
  return {0, claim, beat, record, registered, now[1], now[2]}
end
-- An error before anything is done, if these are of another kind.
if entry ~= '' then
  redis.call('LLEN', KEYS[8])
  need('RPUSH', KEYS[8])
  if list_name ~= '' then
    redis.call('SISMEMBER', KEYS[9], '')
    need('SADD', KEYS[9])
  end
end
need('SET SETRANGE PEXPIRE', KEYS[1])
need('SADD', KEYS[2])
need('HSET', KEYS[3])
need('DEL', KEYS[1], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
need('SET', KEYS[5])
if refused then
  return refused
end
-- Deleting first: a server out of memory lets a script go on that has begun with that.
redis.call('DEL', KEYS[1])
local mark = string.rep('-', 40)
if keeps then
  mark = record and mark_of(record) or mark
else
  redis.call('DEL', KEYS[4], KEYS[5], KEYS[6], KEYS[7])
end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. mark .. ' ' .. ARGV[3], 'PX', ARGV[4])
redis.call('SADD', KEYS[2], id)
redis.call('SET', KEYS[5], ARGV[5], 'NX')
redis.call('HSET', KEYS[3], id, ARGV[6])
if entry ~= '' then
  if list_name ~= '' then
    redis.call('SADD', KEYS[9], list_name)
  end
  redis.call('RPUSH', KEYS[8], entry)
end
return {1}
