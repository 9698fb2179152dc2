-- Delete a queue and take its name off the set of queues.
--
-- include rights.inc.lua
--
-- KEYS[1] queues   KEYS[2] the queue   KEYS[3] the state of its turn   ARGV[1] its name
-- Returns how many jobs there were. Cost: O(1); the server frees the memory in the background.
local jobs = redis.call('LLEN', KEYS[2])
redis.call('SISMEMBER', KEYS[1], '') -- an error before anything is done, if it is not a set
need('SREM', KEYS[1])
need('UNLINK', KEYS[2], KEYS[3])
if refused then
  return refused
end
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2])
-- Else it is something else: such as a queue of that name.
if redis.call('TYPE', KEYS[3]).ok == 'string' then
  redis.call('UNLINK', KEYS[3])
end
return jobs
