-- Put jobs at the back of a queue, or into a sorted set, as they are: for example back from a file.
--
-- include trail.inc.lua
--
-- KEYS[4] the list or the set   KEYS[5] queues
-- After the trail's arguments, ARGV holds:
--   the score of all of them; '' puts them into a list   the queue's name   the jobs
-- Returns how many were put there: an equal one that is in the set stays at its score.
-- Cost: O(jobs x log(length of the set)).
local key, queues = KEYS[4], KEYS[5]
local score, name = ARGV[base + 1], ARGV[base + 2]
-- Errors before anything is done, if these are of another kind.
redis.call('SISMEMBER', queues, '')
if score == '' then
  redis.call('LLEN', key)
  need('LPUSH', key)
  need('SADD', queues)
else
  redis.call('ZCARD', key)
  need('ZADD', key)
end
if refused then
  return refused
end
local count = #ARGV - base - 2
if score == '' then
  redis.call('SADD', queues, name)
  redis.call('LPUSH', key, unpack(ARGV, base + 3))
else
  local entries = {}
  for i = 1, count do
    entries[2 * i - 1], entries[2 * i] = score, ARGV[base + 2 + i]
  end
  count = redis.call('ZADD', key, 'NX', unpack(entries))
end
note('loaded', count)
return count
