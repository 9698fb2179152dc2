-- Read the first and the last items of queues, for a look at what kinds of jobs wait there.
--
-- KEYS[1..n] queues
-- ARGV[1] how many items from each end   ARGV[2] longest beginning of an item in bytes
-- Returns for each queue {its length, item, ...}: each item whole, or its beginning when it is
-- longer; -1 alone when the key is not a list, or may not be read. After 8 MiB of a queue no more
-- of its items are read. Cost: O(n + bytes of the items read); read-only.
local most, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local function ends(key, length)
  local found, left = {length}, 8388608
  local function read(from, to)
    for index = from, to do
      if left > 0 then
        local item = redis.call('LINDEX', key, index)
        left = left - #item
        found[#found + 1] = string.sub(item, 1, limit)
      end
    end
  end
  read(0, math.min(most, length) - 1)
  read(math.max(most, length - most), length - 1)
  return found
end
local out = {}
for i, key in ipairs(KEYS) do
  local length = redis.pcall('LLEN', key)
  out[i] = type(length) == 'number' and ends(key, length) or -1
end
return out
