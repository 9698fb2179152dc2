-- Read the jobs at the head of a moment's list, whole, but not more bytes than a reply should hold.
--
-- KEYS[1] the list
-- ARGV[1] how many at most   ARGV[2] bytes after which no further one is added
-- Returns {length, item, ...}; length is -1 when the key is not a list. Cost: O(items);
-- read-only.
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'list' and kind ~= 'none' then
  return {-1}
end
local out = {redis.call('LLEN', KEYS[1])}
local bytes = 0
for place = 0, math.min(tonumber(ARGV[1]), out[1]) - 1 do
  local item = redis.call('LINDEX', KEYS[1], place)
  out[#out + 1] = item
  bytes = bytes + #item
  if bytes >= tonumber(ARGV[2]) then
    break
  end
end
return out
