-- Delay a job until a moment, in one step (Ruby takes three).
--
-- KEYS[1] the list of the moment's jobs   KEYS[2] the moments of this job   KEYS[3] all moments
-- ARGV[1] the entry's bytes   ARGV[2] the list's name inside values   ARGV[3] the moment (epoch)
-- Returns how many jobs are delayed until that moment. Cost: O(log moments).
-- The list comes last: if a key is of the wrong kind, what was written before does no harm.
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[2])
return redis.call('RPUSH', KEYS[1], ARGV[1])
