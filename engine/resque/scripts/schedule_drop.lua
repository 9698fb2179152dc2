-- Delete a persistent schedule, if its configuration is the expected one, and tell the schedulers.
--
-- include trail.inc.lua
--
-- KEYS[4] persistent_schedules   KEYS[5] schedules_changed
-- After the trail's arguments, ARGV holds the schedule's name and the SHA-1 of its configuration.
-- Returns 1; 0 when there is none of that name, -1 when its configuration is another one (nothing
-- is done then). Cost: O(size of the configuration).
local name = ARGV[base + 1]
local config = redis.call('HGET', KEYS[4], name)
if not config then
  return 0
end
if redis.sha1hex(config) ~= ARGV[base + 2] then
  return -1
end
redis.call('SISMEMBER', KEYS[5], name) -- an error before anything is done, if it is not a set
need('HDEL', KEYS[4])
need('SADD', KEYS[5])
if refused then
  return refused
end
redis.call('HDEL', KEYS[4], name)
redis.call('SADD', KEYS[5], name)
remember(name, config, '', '')
note('schedules', 1)
return 1
