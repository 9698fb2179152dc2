-- Put the job of a schedule onto its queue, unless another scheduler did: only the master does it,
-- and only if the schedule was not enqueued since it was looked at.
--
-- KEYS[1] the master lock   KEYS[2] the times of the last enqueueing   KEYS[3] queues
-- KEYS[4] the queue
-- ARGV[1] our host:pid   ARGV[2] the schedule's name   ARGV[3] its last time as seen, '' for none
-- ARGV[4] the time now   ARGV[5] the queue's name   ARGV[6] the payload
-- Returns 1, 0 when it was enqueued meanwhile, -1 when we are not the master. Cost: O(1).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
if (redis.call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then
  return 0
end
redis.call('LLEN', KEYS[4]) -- an error before anything was written, if it is not a list
redis.call('SADD', KEYS[3], ARGV[5])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('RPUSH', KEYS[4], ARGV[6])
return 1
