-- Put the job of a dead worker back to the head of its queue and take the worker off the register,
-- unless it has shown a sign of life since it was looked at: a bounded number of times.
--
-- include trail.inc.lua
--
-- KEYS[4] workers   KEYS[5] workers:heartbeat   KEYS[6] the worker's record
-- KEYS[7] the worker's start time   KEYS[8] its processed   KEYS[9] its failed
-- KEYS[10] queues   KEYS[11] the queue   KEYS[12] how often a job of these bytes was lost
-- KEYS[13] the worker's claim to its id
-- After the trail's arguments, ARGV holds:
--   the worker's id   the record expected   the heartbeat expected ('' for none)
--   the payload's bytes   the queue's name
--   how often at most   how long the count is kept, in seconds
-- Returns how often it was lost so far; 0 when that is too often, or the record or the heartbeat
-- is another one (nothing is done then). Cost: O(1).
local id, record, beat = ARGV[base + 1], ARGV[base + 2], ARGV[base + 3]
if redis.call('GET', KEYS[6]) ~= record or (redis.call('HGET', KEYS[5], id) or '') ~= beat then
  return 0
end
local lost = tonumber(redis.call('GET', KEYS[12]) or '0') + 1
if lost > tonumber(ARGV[base + 6]) then
  return 0
end
-- An error before anything is done, if these are of another kind.
redis.call('SISMEMBER', KEYS[4], id)
redis.call('SISMEMBER', KEYS[10], '')
redis.call('LLEN', KEYS[11])
need('DEL', KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[13])
need('SET', KEYS[12])
need('SREM', KEYS[4])
need('HDEL', KEYS[5])
need('SADD', KEYS[10])
need('LPUSH', KEYS[11])
if refused then
  return refused
end
redis.call('DEL', KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[13])
redis.call('SET', KEYS[12], lost, 'EX', ARGV[base + 7])
redis.call('SREM', KEYS[4], id)
redis.call('HDEL', KEYS[5], id)
redis.call('SADD', KEYS[10], ARGV[base + 5])
redis.call('LPUSH', KEYS[11], ARGV[base + 4])
note('workers', 1)
return lost
