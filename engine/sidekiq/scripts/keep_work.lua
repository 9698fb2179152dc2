-- Keep what a process ran when it was last seen, unless something newer is kept; or forget it.
--
-- KEYS[1] what is kept of the process   KEYS[2] the sorted set of the processes of which there is
-- ARGV[1] the process's identity   ARGV[2] when it was seen, in seconds by this server's clock
-- ARGV[3] how long it is kept, in seconds
-- ARGV[4..] fields and values; none: what is kept is forgotten
-- Returns 1, or 0 when what is kept is newer. Cost: O(fields).
local kept = tonumber(redis.call('HGET', KEYS[1], 'seen') or '')
if kept and kept > tonumber(ARGV[2]) then
  return 0
end
redis.call('DEL', KEYS[1])
if #ARGV == 3 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
for i = 4, #ARGV, 1000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
