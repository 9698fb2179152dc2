-- Put a job whose process died back to the head of its queue, a bounded number of times.
--
-- include rights.inc.lua
--
-- KEYS[1] the worker's record   KEYS[2] the queue   KEYS[3] queues
-- KEYS[4] how often a job of these bytes was lost
-- ARGV[1] the record expected   ARGV[2] the payload's bytes   ARGV[3] the queue's name
-- ARGV[4] how often at most     ARGV[5] how long the count is kept, in seconds
-- Returns how often it was lost so far; 0 when that is too often or the record is another one
-- (nothing is done then). Cost: O(1).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local lost = tonumber(redis.call('GET', KEYS[4]) or '0') + 1
if lost > tonumber(ARGV[4]) then
  return 0
end
-- An error before anything is done, if these are of another kind.
redis.call('LLEN', KEYS[2])
redis.call('SISMEMBER', KEYS[3], '')
need('DEL', KEYS[1])
need('SET', KEYS[4])
need('SADD', KEYS[3])
need('LPUSH', KEYS[2])
if refused then
  return refused
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[4], lost, 'EX', ARGV[5])
redis.call('SADD', KEYS[3], ARGV[3])
redis.call('LPUSH', KEYS[2], ARGV[2])
return lost
