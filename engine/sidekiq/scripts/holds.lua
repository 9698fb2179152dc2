-- Which of some texts are in the entries of a list or a sorted set, or in a hash of running jobs: as
-- a whole text of the JSON, in whatever member; or as a whole entry.
--
-- KEYS[1] the list, the sorted set or the hash
-- ARGV[1] from which entry on: of a list from the head, of a set from the highest score
-- ARGV[2] how many at most   ARGV[3] about how many bytes at most   ARGV[4..] the texts
-- Returns {the kind of the key, how many entries there are, how many were looked at, {the numbers of
-- the texts that were found, from 1}}. A hash is looked at as a whole.
-- Cost: O(entries and bytes looked at, where a list begins); read-only.
local kind = redis.call('TYPE', KEYS[1]).ok
local first, most, left = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local number, found = {}, {}
for i = 4, #ARGV do
  number[ARGV[i]] = i - 3
end
local function look(entry)
  if number[entry] then
    found[number[entry]] = true
  end
  -- A text within JSON within JSON ends with a backslash.
  for text in string.gmatch(entry, '"([^"\\]+)') do
    if number[text] then
      found[number[text]] = true
    end
  end
  left = left - #entry
end
local size, looked, step = 0, 0, 1
local function page(from, to)
  if kind == 'list' then
    return redis.call('LRANGE', KEYS[1], from, to)
  end
  return redis.call('ZREVRANGE', KEYS[1], from, to)
end
if kind == 'hash' then
  local flat = redis.call('HGETALL', KEYS[1])
  for i = 2, #flat, 2 do
    look(flat[i])
    looked = looked + 1
  end
  size = looked
elseif kind == 'list' or kind == 'zset' then
  size = kind == 'list' and redis.call('LLEN', KEYS[1]) or redis.call('ZCARD', KEYS[1])
  while looked < most and left > 0 do
    local before = left
    local entries = page(first + looked, first + looked + math.min(step, most - looked) - 1)
    for _, entry in ipairs(entries) do
      look(entry)
    end
    looked = looked + #entries
    if #entries == 0 then
      break
    end
    step = before - left > 65536 and 1 or math.min(2 * step, 64)
  end
end
local numbers = {}
for i in pairs(found) do
  numbers[#numbers + 1] = i
end
return {kind, size, looked, numbers}
