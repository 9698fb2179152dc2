-- Read a stretch of each of several lists without carrying huge items over the wire.
--
-- KEYS[1..n] the lists
-- ARGV[1] longest item in bytes   ARGV[2i], ARGV[2i+1] first and last index in KEYS[i]
-- Returns for each list its items, each whole, or, when longer than ARGV[1], {its beginning, its
-- length, its SHA-1}; nothing for another kind of value. Fails when one may not be read.
-- Cost: O(stretches); read-only.
local limit, out = tonumber(ARGV[1]), {}
for i, key in ipairs(KEYS) do
  local items = redis.pcall('LRANGE', key, ARGV[2 * i], ARGV[2 * i + 1])
  if items.err then
    if not string.find(items.err, 'WRONGTYPE', 1, true) then
      return items
    end
    items = {}
  end
  for at, item in ipairs(items) do
    if #item > limit then
      items[at] = {string.sub(item, 1, limit), #item, redis.sha1hex(item)}
    end
  end
  out[i] = items
end
return out
