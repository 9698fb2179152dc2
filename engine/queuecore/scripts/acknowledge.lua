-- Note that somebody has acknowledged an incident, and forget acknowledgements that have expired.
--
-- include rights.inc.lua
--
-- KEYS[1] the hash of acknowledgements
-- ARGV[1] the incident   ARGV[2] who, when, until when and why; empty: it is acknowledged no more
-- ARGV[3] how many there may be   ARGV[4..] field and value of those that have expired, in turn
-- What has another value by now was acknowledged anew: it stays.
-- Returns 1, or 0 when there are so many that no more is taken in.
-- Cost: O(expired ones).
need('HSET HDEL', KEYS[1])
if refused then
  return refused
end
redis.call('HLEN', KEYS[1])
for at = 4, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[at]) == ARGV[at + 1] then
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 1
end
local is_new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if is_new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
