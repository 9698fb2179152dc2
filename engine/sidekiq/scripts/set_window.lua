-- Read entries of a sorted set that follow one, by score and member, from either end, without
-- carrying huge members over the wire. Scores stay the texts that Redis gives.
--
-- include set_order.inc.lua
--
-- KEYS[1] the set
-- ARGV[1] the end to come from: 'high' or 'low'   ARGV[2] how many entries at most
-- ARGV[3] longest member in bytes   ARGV[4] how much to look at, in bytes copied
-- ARGV[5..9], or none to begin at the end: the entry before, as it was read: its score, its bytes or
-- their beginning, its size, its SHA-1 ('' where the bytes are whole), how many were above it
-- Returns {entries of the set, how many are above the first of these (where there are none: above
-- their place), 1 where it may begin with entries that were read already, the clock before and
-- after in us, {score, member, ...}}: each member whole, or, when longer than ARGV[3], {its
-- beginning, its size, its SHA-1}. There is always one, unless the set ends.
-- The entry before need not be there any more. Of one that was cut it is only known how it begins:
-- where it is not near its place, it goes on at the first entry of that score that begins so.
-- Cost: O(log n + bytes looked at); read-only.
local function clock_us()
  local now = redis.call('TIME')
  return now[1] * 1000000 + now[2]
end
local began = clock_us()
local set, from_high = KEYS[1], ARGV[1] == 'high'
local most, limit, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local score, text, size, sha = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]
local length = redis.call('ZCARD', set)
-- An entry costs as much as the copy of so many bytes, besides its own.
local overhead, reach = 128, 8

local function other(place)
  return from_high and length - 1 - place or place
end

-- Where to go on, counted from the end to come from, and whether that is earlier than it should be.
local function next_place()
  if not score then
    return 0, 0
  end
  if sha == '' then
    local rank = redis.call('ZRANK', set, text)
    if not rank or redis.call('ZSCORE', set, text) ~= score then
      rank = bound(set, score, text, -1)
      return from_high and length - rank or rank, 0
    end
    return other(rank) + 1, 0
  end
  local seen = other(length - 1 - ARGV[9])
  for step = 0, reach do
    for side = -1, step > 0 and 1 or -1, 2 do
      local rank = other(seen + side * step)
      local pair = rank >= 0 and redis.call('ZRANGE', set, rank, rank, 'WITHSCORES') or {}
      if pair[2] == score and #pair[1] == size and redis.sha1hex(pair[1]) == sha then
        return other(rank) + 1, 0
      end
    end
  end
  local rank = bound(set, score, text, #text, from_high)
  return from_high and length - rank or rank, 1
end

local first, is_earlier = next_place()
local place, looked, many, entries = first, 0, 1, {}
while place < length and place - first < most and looked < budget do
  many = math.min(many, most - (place - first), length - place)
  local rank = from_high and length - place - many or place
  local part = redis.call('ZRANGE', set, rank, rank + many - 1, 'WITHSCORES')
  for i = 1, many do
    local at = 2 * (from_high and many - i or i - 1) + 1
    local member = part[at]
    looked = looked + #member + overhead
    if #member > limit then
      member = {string.sub(member, 1, limit), #member, redis.sha1hex(member)}
    end
    entries[#entries + 1] = part[at + 1]
    entries[#entries + 1] = member
  end
  place = place + many
  -- As many as will do, if they are like those before; their sizes are not known before.
  many = math.max(1, math.min(2 * many, math.floor((budget - looked) * (place - first) / looked)))
end
-- Before the first: those above it.
local above = from_high and first or math.max(0, length - 1 - first)
return {length, above, is_earlier, began, clock_us(), entries}
