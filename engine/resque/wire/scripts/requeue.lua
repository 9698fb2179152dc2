-- Put the job of one failure back onto its queue and take the failure off the list, in one step.
--
-- KEYS[1] the list of failures   KEYS[2] queues   KEYS[3] the queue
-- ARGV[1] the entry's bytes   ARGV[2] the payload's bytes   ARGV[3] the queue's name
-- Returns 1, or 0 when the entry is no longer in the list (nothing is done then).
-- Of entries with the same bytes the newest goes. Cost: O(n) in the list.
-- An error before anything is done, if these are of another kind.
redis.call('SISMEMBER', KEYS[2], '')
redis.call('LLEN', KEYS[3])
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('RPUSH', KEYS[3], ARGV[2])
return 1
