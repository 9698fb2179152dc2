-- Publish the schedules of a scheduler's file, while that scheduler is the master.
--
-- include rights.inc.lua
--
-- KEYS[1] the master lock   KEYS[2] the hash that they are published in
-- ARGV[1] our host:pid   ARGV[2] the schedules as JSON   ARGV[3] their lifetime in seconds
-- Returns 1, or 0 when we are not the master (nothing is done then). Cost: O(size).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('HGET', KEYS[2], 'owner') -- an error before anything is done, if it is no hash
need('HSET EXPIRE', KEYS[2])
if refused then
  return refused
end
redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'content', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
