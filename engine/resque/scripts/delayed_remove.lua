-- Delete a job from a moment's list by its bytes, and all that are equal. A list that is empty then
-- leaves the moments with it.
--
-- KEYS[1] the list   KEYS[2] all moments   KEYS[3] the moments of this job
-- ARGV[1] the entry's bytes   ARGV[2] the list's name inside values   ARGV[3] member in KEYS[2]
-- Returns how many were deleted. Cost: O(jobs of the moment).
redis.call('SISMEMBER', KEYS[3], '') -- an error before anything was deleted, if it is not a set
local deleted = redis.call('LREM', KEYS[1], 0, ARGV[1])
if deleted > 0 then
  redis.call('SREM', KEYS[3], ARGV[2])
  if redis.call('LLEN', KEYS[1]) == 0 then
    redis.call('ZREM', KEYS[2], ARGV[3])
  end
end
return deleted
