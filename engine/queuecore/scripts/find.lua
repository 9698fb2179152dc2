-- Find an item of a list by its SHA-1, looking near the place where it was last seen.
--
-- KEYS[1] the list
-- ARGV[1] SHA-1 in lower-case hex   ARGV[2] its place: from the head, or, negative, from the end
-- ARGV[3] how many places to look at on either side
-- Returns the item, or false. Cost: O(bytes of the places looked at); read-only.
local place = tonumber(ARGV[2])
local reach = tonumber(ARGV[3])
for step = 0, reach do
  for _, index in ipairs({place - step, place + step}) do
    local item = (index < 0) == (place < 0) and redis.call('LINDEX', KEYS[1], index)
    if item and redis.sha1hex(item) == ARGV[1] then
      return item
    end
  end
end
return false
