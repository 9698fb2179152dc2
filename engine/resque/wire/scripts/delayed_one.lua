-- Take a job out of a moment's list by its bytes: delete it, put it onto its queue now, or delay
-- it until another moment.
--
-- include rights.inc.lua
--
-- KEYS[1] the list   KEYS[2] all moments   KEYS[3] the moments of this job
-- KEYS[4] the list onto which it goes   KEYS[5] queues
-- ARGV[1] the entry's bytes   ARGV[2] the list's name inside values   ARGV[3] member in KEYS[2]
-- ARGV[4] how many to take: 1, or 0 for all that are equal (then they are deleted)
-- ARGV[5] 'drop', 'queue' or 'delay'
-- ARGV[6] queue: its name; delay: the new list's name inside values
-- ARGV[7] queue: what is pushed; delay: the new moment (epoch)
-- Returns how many were taken; -1 when KEYS[4] is not a list (nothing is done then). A list
-- that is empty leaves KEYS[2] with it. Cost: O(jobs of the moment).
local target = redis.call('TYPE', KEYS[4])['ok']
if target ~= 'list' and target ~= 'none' then
  return -1
end
redis.call('SISMEMBER', KEYS[5], '') -- an error before anything was taken, if it is not a set
redis.call('SISMEMBER', KEYS[3], '')
need('LREM', KEYS[1])
need('ZADD ZREM', KEYS[2])
need('SADD SREM', KEYS[3])
if ARGV[5] ~= 'drop' then
  need('RPUSH', KEYS[4])
  need('SADD', KEYS[5])
end
if refused then
  return refused
end
local taken = redis.call('LREM', KEYS[1], ARGV[4], ARGV[1])
if taken == 0 then
  return 0
end
if ARGV[5] == 'queue' then
  redis.call('SADD', KEYS[5], ARGV[6])
  redis.call('RPUSH', KEYS[4], ARGV[7])
elseif ARGV[5] == 'delay' then
  redis.call('ZADD', KEYS[2], ARGV[7], ARGV[7])
  redis.call('SADD', KEYS[3], ARGV[6])
  redis.call('RPUSH', KEYS[4], ARGV[1])
end
-- A server without LPOS answers with a table: then the moment stays noted, which does no harm.
if not redis.pcall('LPOS', KEYS[1], ARGV[1]) then
  redis.call('SREM', KEYS[3], ARGV[2])
end
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[3])
end
return taken
