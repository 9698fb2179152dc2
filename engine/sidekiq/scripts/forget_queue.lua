-- Take the name of a queue in which no job waits off the set of queues.
--
-- include trail.inc.lua
--
-- KEYS[4] queues   KEYS[5] the queue
-- After the trail's arguments, ARGV holds the queue's name.
-- Returns 1 when it was taken off, 0 when it was not there, -1 when there is something in the queue.
-- Cost: O(1).
local name = ARGV[base + 1]
if redis.call('SISMEMBER', KEYS[4], name) == 0 then
  return 0
end
if redis.call('EXISTS', KEYS[5]) == 1 then
  return -1
end
need('SREM', KEYS[4])
if refused then
  return refused
end
redis.call('SREM', KEYS[4], name)
remember(name, '', KEYS[4], '')
note('names', 1)
return 1
