-- Take a worker off the register; the job in its hands becomes a failure in the same step.
--
-- KEYS[1] workers   KEYS[2] workers:heartbeat   KEYS[3] the worker's record
-- KEYS[4] the worker's start time   KEYS[5] its processed   KEYS[6] its failed
-- KEYS[7] the list of failures   KEYS[8] failed_queues
-- ARGV[1] worker id
-- ARGV[2] the record expected, '' when the worker is expected to be idle
-- ARGV[3] the failure entry for that job, or ''
-- ARGV[4] the name of KEYS[7] for the set of failed queues, or '' (one list for all)
-- Returns {1, false}, or {0, the present record or false} when that is not the expected one, in
-- which case nothing is done. Cost: O(1).
local record = redis.call('GET', KEYS[3])
if (record or '') ~= ARGV[2] then
  return {0, record}
end
-- Deleting first: a server out of memory lets a script go on that has begun with that.
redis.call('DEL', KEYS[3], KEYS[4], KEYS[5], KEYS[6])
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if ARGV[3] ~= '' then
  if ARGV[4] ~= '' then
    redis.call('SADD', KEYS[8], ARGV[4])
  end
  redis.call('RPUSH', KEYS[7], ARGV[3])
end
return {1, false}
