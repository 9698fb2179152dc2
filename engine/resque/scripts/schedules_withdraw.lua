-- Withdraw what a scheduler has published, if it is still its own.
--
-- KEYS[1] the hash that schedules are published in   ARGV[1] our host:pid
-- Returns 1, or 0 when it is another scheduler's or gone (nothing is done then). Cost: O(size).
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
