-- Put a job onto a queue in an operator's name.
--
-- include trail.inc.lua
--
-- KEYS[4] queues   KEYS[5] the queue
-- After the trail's arguments, ARGV holds the queue's name and what is pushed.
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns how many jobs wait in the queue then. Cost: O(1).
redis.call('LLEN', KEYS[5]) -- an error before anything is done, if it is not a list
need('SADD', KEYS[4])
need('RPUSH', KEYS[5])
if refused then
  return refused
end
local is_new = redis.call('SADD', KEYS[4], ARGV[base + 1]) == 1
local length = redis.call('RPUSH', KEYS[5], ARGV[base + 2])
remember('', '', KEYS[5], ARGV[base + 2])
note('pushed', 1)
if is_new and lifetime > 0 then
  redis.call('HSET', KEYS[2], 'made:' .. KEYS[5], ARGV[base + 1])
end
return length
