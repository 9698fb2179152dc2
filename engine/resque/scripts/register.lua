-- Put a queue's name on the set of queues, or take that of an empty queue off it.
--
-- include trail.inc.lua
--
-- KEYS[4] queues   KEYS[5] the queue
-- After the trail's arguments, ARGV holds the queue's name, and 'on' or 'off'.
-- Returns 1, or 0 when nothing was to be done: it is on or off already, or jobs wait in a queue
-- that was to be taken off. Cost: O(1).
local name, is_on = ARGV[base + 1], ARGV[base + 2] == 'on'
if not is_on and redis.call('EXISTS', KEYS[5]) == 1 then
  return 0
end
need(is_on and 'SADD' or 'SREM', KEYS[4])
if refused then
  return refused
end
local changed = is_on and redis.call('SADD', KEYS[4], name) or redis.call('SREM', KEYS[4], name)
if changed == 1 then
  note('name', 1)
end
return changed
