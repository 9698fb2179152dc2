-- Put other bytes in the place of an item of a list: it keeps its place in the order.
--
-- include trail.inc.lua
--
-- KEYS[4] the list
-- After the trail's arguments, ARGV holds:
--   the item's place from the head when it was seen   its bytes   the other bytes
--   how far from its place to look for it at first
-- Returns 1, or 0 when the item is nowhere in the list: nothing is done then.
-- Cost: O(distance to the nearer end of the list); O(list) when the item has moved far.
local list = KEYS[4]
local seen, bytes, other = tonumber(ARGV[base + 1]), ARGV[base + 2], ARGV[base + 3]
local function near(reach)
  for step = 0, reach do
    for _, at in ipairs({seen - step, seen + step}) do
      if at >= 0 and redis.call('LINDEX', list, at) == bytes then
        return at
      end
    end
  end
  return nil
end
need('LSET', list)
if refused then
  return refused
end
local place = near(tonumber(ARGV[base + 4])) or redis.call('LPOS', list, bytes)
if not place then
  return 0
end
redis.call('LSET', list, place, other)
remember(place, bytes, list, other)
note('items', 1)
return 1
