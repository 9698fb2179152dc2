-- Read the newest items of a list that was read before: only those that have come since, where the
-- others seem to be as they were.
--
-- include turned.inc.lua
--
-- KEYS[1] the list   KEYS[2] the state of its turn
-- ARGV[1] how many items at most       ARGV[2] longest item in bytes
-- ARGV[3] its length then              ARGV[4] how many items were read then, at least one
-- ARGV[5], ARGV[6] the SHA-1 of the first and of the last of them
-- Returns {length, {item, ...}, 1} with those that have come since, when these two are where they
-- were; else {length, {item, ...}} with the newest. Items are as in window.lua. Cost: O(items
-- returned), and to read two; read-only.
local limit, length, was = tonumber(ARGV[1]), redis.call('LLEN', KEYS[1]), tonumber(ARGV[3])
local turn = known_turn(KEYS[1], KEYS[2])
local function is_at(place, sha)
  local item = in_order(KEYS[1], turn, place, place)[1]
  return item and redis.sha1hex(item) == sha
end
local first, since = -limit, nil
if length >= was and length - was < limit then
  if is_at(was - 1, ARGV[6]) and is_at(was - tonumber(ARGV[4]), ARGV[5]) then
    first, since = was, 1
  end
end
local items = in_order(KEYS[1], turn, first, -1)
for i, item in ipairs(items) do
  if #item > tonumber(ARGV[2]) then
    items[i] = {string.sub(item, 1, tonumber(ARGV[2])), #item, redis.sha1hex(item)}
  end
end
return {length, items, since}
