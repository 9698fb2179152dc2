-- Count one more run of a job that may be tried again.
--
-- KEYS[1] the counter   ARGV[1] its lifetime in seconds, '' for none
-- Returns how often the job was tried again: 0 on the first run. Cost: O(1).
redis.call('SETNX', KEYS[1], '-1')
local attempt = redis.call('INCR', KEYS[1])
if ARGV[1] ~= '' then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return attempt
