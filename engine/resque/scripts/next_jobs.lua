-- Read the job of each queue that is taken next, without carrying huge ones over the wire.
--
-- KEYS[1..n] queues
-- ARGV[1] longest job in bytes
-- Returns for each: its first item; false when there is none, when it is longer, or when the key
-- holds another kind of value. Fails when one may not be read.
-- Cost: O(n + bytes of the first items); read-only.
local limit = tonumber(ARGV[1])
local out = {}
for i, key in ipairs(KEYS) do
  local item = redis.pcall('LINDEX', key, 0)
  if type(item) == 'table' and not string.find(item.err, 'WRONGTYPE', 1, true) then
    return item
  end
  out[i] = type(item) == 'string' and #item <= limit and item
end
return out
