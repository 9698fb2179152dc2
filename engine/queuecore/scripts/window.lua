-- Read a stretch of a list without carrying huge items over the wire, in the list's order also
-- while qtop turns it.
--
-- include turned.inc.lua
--
-- KEYS[1] the list   KEYS[2] the state of its turn (the list again where none turns it)
-- ARGV[1] first index   ARGV[2] last index (as for LRANGE)   ARGV[3] longest item in bytes
-- Returns {length of the list, {item, ...}}: each item whole, or, when longer than ARGV[3],
-- {its beginning, its length, its SHA-1}. Cost: O(stretch); read-only.
local limit = tonumber(ARGV[3])
local items = in_order(KEYS[1], known_turn(KEYS[1], KEYS[2]), ARGV[1], ARGV[2])
for i, item in ipairs(items) do
  if #item > limit then
    items[i] = {string.sub(item, 1, limit), #item, redis.sha1hex(item)}
  end
end
return {redis.call('LLEN', KEYS[1]), items}
