-- Let go of the master lock, if it is ours.
--
-- KEYS[1] the lock   ARGV[1] host:pid
-- Returns 1, or 0 when it was not ours (nothing is done then). Cost: O(1).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
