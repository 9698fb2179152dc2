-- Read how long lists are.
--
-- KEYS[1..n] the lists
-- Returns the length of each; -1 for another kind of value. Fails when one may not be read.
-- Cost: O(n); read-only.
local out = {}
for i, key in ipairs(KEYS) do
  local length = redis.pcall('LLEN', key)
  if type(length) == 'table' and not string.find(length.err, 'WRONGTYPE', 1, true) then
    return length
  end
  out[i] = type(length) == 'number' and length or -1
end
return out
