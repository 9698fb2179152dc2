-- Put items at the end of a list as they are, for example back from a file.
--
-- include trail.inc.lua
--
-- KEYS[4] the list   KEYS[5] queues
-- After the trail's arguments, ARGV holds:
--   '1' to put a name on the set of queues   that name   the items
-- Returns the length of the list. Cost: O(items).
-- An error before anything is done, if these are of another kind.
redis.call('LLEN', KEYS[4])
redis.call('SISMEMBER', KEYS[5], '')
need('RPUSH', KEYS[4])
if refused then
  return refused
end
if ARGV[base + 1] == '1' then
  redis.call('SADD', KEYS[5], ARGV[base + 2])
end
local length = redis.call('RPUSH', KEYS[4], unpack(ARGV, base + 3))
note('loaded', #ARGV - base - 2)
return length
