-- Write or delete a persistent schedule and tell the schedulers, in one step.
--
-- KEYS[1] persistent_schedules   KEYS[2] schedules_changed
-- ARGV[1] the schedule's name   ARGV[2] its configuration as JSON, '' to delete it
-- Returns 1 when there was a schedule of that name, else 0. Cost: O(1).
local known = redis.call('HEXISTS', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[1])
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return known
