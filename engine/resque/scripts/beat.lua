-- Write a worker's heartbeat, renew its claim to its id and put it back on the register, unless
-- the id is another process's by now.
--
-- include claim.inc.lua
--
-- KEYS[1] the claim   KEYS[2] workers   KEYS[3] workers:heartbeat
-- ARGV[1] worker id   ARGV[2] the token   ARGV[3] the heartbeat
-- ARGV[4] how long the claim lasts from now, in milliseconds
-- Returns {1 or 0, the server's seconds, its microseconds}; with 0 nothing is done. Cost: O(1).
local is_ours = bears(redis.call('GET', KEYS[1]), ARGV[2])
if is_ours then
  -- First: where it lacks memory, the server lets a script go on that has begun with such.
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
end
local now = redis.call('TIME')
return {is_ours and 1 or 0, now[1], now[2]}
