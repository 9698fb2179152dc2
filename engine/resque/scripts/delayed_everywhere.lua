-- Delete a job from several moments' lists by its bytes. As in Ruby a moment whose list is empty
-- after that stays known until a scheduler passes it.
--
-- KEYS[1] the moments of this job   KEYS[2..] the lists
-- ARGV[1] the entry's bytes   ARGV[2..] the lists' names inside values
-- Returns how many were deleted. Cost: O(jobs of those moments).
local deleted = 0
for i = 2, #KEYS do
  deleted = deleted + redis.call('LREM', KEYS[i], 0, ARGV[1])
  redis.call('SREM', KEYS[1], ARGV[i])
end
return deleted
