-- Requeue a failure as Ruby does: its entry stays on the list, stamped, and its job is pushed.
--
-- KEYS[1] the list of failures   KEYS[2] queues   KEYS[3] the queue
-- ARGV[1] the entry's place from the head   ARGV[2] its bytes   ARGV[3] the stamped bytes
-- ARGV[4] the payload's bytes   ARGV[5] the queue's name
-- Returns 1, or 0 when the entry is no longer in the list (nothing is done then).
-- Cost: O(n) in the list.
-- An error before anything is done, if these are of another kind.
redis.call('SISMEMBER', KEYS[2], '')
redis.call('LLEN', KEYS[3])
local place = tonumber(ARGV[1])
if redis.call('LINDEX', KEYS[1], place) ~= ARGV[2] then
  place = redis.call('LPOS', KEYS[1], ARGV[2])
  if not place then
    return 0
  end
end
redis.call('LSET', KEYS[1], place, ARGV[3])
redis.call('SADD', KEYS[2], ARGV[5])
redis.call('RPUSH', KEYS[3], ARGV[4])
return 1
