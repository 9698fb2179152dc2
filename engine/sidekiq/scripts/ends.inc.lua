-- Included by scripts that return jobs without carrying huge ones over the wire.
--
-- No KEYS and no ARGV of its own. Cost: O(1), and the bytes of an item that is too long.

-- What is returned of an item: the whole of it; when it is longer than `longest` bytes, {its
-- beginning, its end, its length}: what Ruby writes last stands behind the arguments.
local function ends_of(item, longest)
  if #item <= longest then
    return item
  end
  return {string.sub(item, 1, 2048), string.sub(item, -4096), #item}
end
