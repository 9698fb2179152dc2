-- Call the roll of a large fleet: who is registered and when they have beaten, unless they are as
-- many as they were a moment ago.
--
-- KEYS[1] the registered workers   KEYS[2] their heartbeats
-- ARGV[1] how many workers there were
-- ARGV[2] from when on everything is returned, in seconds of the server's clock
-- Returns the number of workers when it is ARGV[1] and it is not yet time; else {{worker, ...},
-- {worker, beat, ...}}, with the error as a text in place of beats that cannot be read. Cost: O(1),
-- or O(workers); read-only.
local number = redis.call('SCARD', KEYS[1])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
if number == tonumber(ARGV[1]) and now < tonumber(ARGV[2]) then
  return number
end
local beats = redis.pcall('HGETALL', KEYS[2])
return {redis.call('SMEMBERS', KEYS[1]), beats.err or beats}
