-- Find an item of a list by its SHA-1, looking near the place where it was last seen.
--
-- include turned.inc.lua
--
-- KEYS[1] the list   KEYS[2] the state of its turn (the list again where none turns it)
-- ARGV[1] SHA-1 in lower-case hex   ARGV[2] its place: from the head, or, negative, from the end
-- ARGV[3] how many places to look at on either side
-- Returns the item, or false. Cost: O(bytes of the places looked at); read-only.
local turn = known_turn(KEYS[1], KEYS[2])
local place = tonumber(ARGV[2])
local reach = tonumber(ARGV[3])
for step = 0, reach do
  for _, index in ipairs({place - step, place + step}) do
    local item = (index < 0) == (place < 0) and in_order(KEYS[1], turn, index, index)[1]
    if item and redis.sha1hex(item) == ARGV[1] then
      return item
    end
  end
end
return false
