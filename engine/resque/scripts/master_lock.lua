-- Take the master lock of the schedulers, or hold on to it.
--
-- KEYS[1] the lock   ARGV[1] host:pid   ARGV[2] its lifetime in seconds
-- Returns {1, ''} newly taken, {2, ''} held before, {0, owner} another scheduler's. Cost: O(1).
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return {0, owner}
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return {owner and 2 or 1, ''}
