-- Get the whole member of an entry of which only the beginning was read.
--
-- include set_order.inc.lua
--
-- KEYS[1] the set
-- ARGV[1] its score   ARGV[2] its beginning   ARGV[3] its size   ARGV[4] its SHA-1
-- ARGV[5] how much to look at, in bytes
-- Returns the member; false where it is not there; 0 where too many begin like it to say.
-- Cost: O(log n) members of that score, and those that begin so, up to ARGV[5] bytes; read-only.
local set, score, text = KEYS[1], ARGV[1], ARGV[2]
local size, left = tonumber(ARGV[3]), tonumber(ARGV[5])
local first = bound(set, score, text, #text)
for rank = first, bound(set, score, text, #text, true) - 1 do
  local member = redis.call('ZRANGE', set, rank, rank)[1]
  if #member == size and redis.sha1hex(member) == ARGV[4] then
    return member
  end
  left = left - #member
  if left < 0 then
    return 0
  end
end
return false
