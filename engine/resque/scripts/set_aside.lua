-- Move a payload that turned out to be unreadable from its worker's record to the queue's list
-- of unreadable items. The worker is free afterwards; nothing is counted.
--
-- KEYS[1] the worker's record   KEYS[2] the list of unreadable items
-- ARGV[1] the record expected   ARGV[2] the payload's bytes
-- Returns 1, or 0 when the record was another one (nothing is done then). Cost: O(1).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
