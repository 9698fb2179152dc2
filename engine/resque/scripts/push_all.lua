-- Append payloads to several queues and register their names: all of them or none.
--
-- KEYS[1] queues   KEYS[2..] the queues pushed to
-- ARGV for each of KEYS[2..] in turn: the queue's name, how many payloads, the payloads
-- Returns how many were pushed; -1 when one of the keys is not a list (nothing is done then).
-- Cost: O(payloads).
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'list' and kind ~= 'none' then
    return -1
  end
end
local at, total = 1, 0
for i = 2, #KEYS do
  local count = tonumber(ARGV[at + 1])
  redis.call('SADD', KEYS[1], ARGV[at])
  for first = at + 2, at + 1 + count, 1000 do
    redis.call('RPUSH', KEYS[i], unpack(ARGV, first, math.min(first + 999, at + 1 + count)))
  end
  at = at + 2 + count
  total = total + count
end
return total
