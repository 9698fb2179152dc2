-- Read a stretch of each of several lists without carrying huge items over the wire, in the order of
-- each list also while qtop turns it.
--
-- include turned.inc.lua
--
-- KEYS[2i-1] list i   KEYS[2i] the state of its turn (the list again to read it as it is)
-- ARGV[1] longest item in bytes   ARGV[2i], ARGV[2i+1] first and last index in list i
-- Returns for each list its items, each whole, or, when longer than ARGV[1], {its beginning, its
-- length, its SHA-1}; nothing for another kind of value. Fails when one may not be read.
-- Cost: O(stretches); read-only.
local limit, out = tonumber(ARGV[1]), {}
for i = 1, #KEYS / 2 do
  local list = KEYS[2 * i - 1]
  local items = redis.pcall('LRANGE', list, ARGV[2 * i], ARGV[2 * i + 1])
  if items.err then
    if not string.find(items.err, 'WRONGTYPE', 1, true) then
      return items
    end
    items = {}
  else
    local turn = known_turn(list, KEYS[2 * i])
    items = turn and in_order(list, turn, ARGV[2 * i], ARGV[2 * i + 1]) or items
  end
  for at, item in ipairs(items) do
    if #item > limit then
      items[at] = {string.sub(item, 1, limit), #item, redis.sha1hex(item)}
    end
  end
  out[i] = items
end
return out
