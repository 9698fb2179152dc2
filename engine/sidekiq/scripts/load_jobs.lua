-- Put jobs at the back of a queue, or into a sorted set, as they are: for example back from a file.
--
-- include trail.inc.lua
--
-- KEYS[4] the list or the set   KEYS[5] queues
-- After the trail's arguments, ARGV holds:
--   '1' for a set, '0' for a list   the queue's name
--   the jobs, for a set each with its score before it
-- Returns how many were put there: an equal one that is in the set stays at its score.
-- Cost: O(jobs x log(length of the set)).
local key, queues = KEYS[4], KEYS[5]
local is_set, name = ARGV[base + 1] == '1', ARGV[base + 2]
-- Errors before anything is done, if these are of another kind.
redis.call('SISMEMBER', queues, '')
if is_set then
  redis.call('ZCARD', key)
  need('ZADD', key)
else
  redis.call('LLEN', key)
  need('LPUSH', key)
  need('SADD', queues)
end
if refused then
  return refused
end
local count = #ARGV - base - 2
if is_set then
  count = redis.call('ZADD', key, 'NX', unpack(ARGV, base + 3))
else
  redis.call('SADD', queues, name)
  redis.call('LPUSH', key, unpack(ARGV, base + 3))
end
note('loaded', count)
return count
