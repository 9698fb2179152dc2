-- Read a stretch of a list without carrying huge items over the wire.
--
-- KEYS[1] the list
-- ARGV[1] first index   ARGV[2] last index (as for LRANGE)   ARGV[3] longest item in bytes
-- Returns {length of the list, {item, ...}}: each item whole, or, when longer than ARGV[3],
-- {its beginning, its length, its SHA-1}. Cost: O(stretch); read-only.
local limit = tonumber(ARGV[3])
local items = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
for i, item in ipairs(items) do
  if #item > limit then
    items[i] = {string.sub(item, 1, limit), #item, redis.sha1hex(item)}
  end
end
return {redis.call('LLEN', KEYS[1]), items}
