-- Put a moment until which jobs are delayed back into the schedule, which has lost it.
--
-- include trail.inc.lua
--
-- KEYS[4] the schedule of delayed jobs   KEYS[5] the moment's list
-- After the trail's arguments, ARGV holds the moment in epoch seconds.
-- Returns 1, or 0 when nothing was to be done: it is in the schedule already, or has no jobs.
-- Cost: O(log of the moments).
local stamp = ARGV[base + 1]
if redis.call('LLEN', KEYS[5]) == 0 or redis.call('ZSCORE', KEYS[4], stamp) then
  return 0
end
need('ZADD', KEYS[4])
if refused then
  return refused
end
redis.call('ZADD', KEYS[4], stamp, stamp)
note('name', 1)
return 1
