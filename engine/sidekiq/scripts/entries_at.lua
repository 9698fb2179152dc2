-- Read entries of a sorted set by their scores, as much at once as the answer may hold.
--
-- KEYS[1] the sorted set
-- ARGV[1] how many entries at most   ARGV[2] after how many bytes to stop
-- Then for each score: the score, and how many of its entries to skip, in the order of the set.
-- Returns for each score {1 if there are more of it after these, else 0, its entries}. Scores that it
-- did not come to are left out; of the first there is an entry at least, if it has one.
-- Cost: O(scores x log(length of the set) + entries); read-only.
local set, most, left = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local replies = {}
for i = 3, #ARGV, 2 do
  local score, at = ARGV[i], tonumber(ARGV[i + 1])
  local reply, is_whole = {0}, false
  local function keep(entries)
    for _, entry in ipairs(entries) do
      reply[#reply + 1] = entry
      left = left - #entry
    end
    at, most = at + #entries, most - #entries
  end
  if at == 0 then
    -- Mostly there is one.
    keep(redis.call('ZRANGEBYSCORE', set, score, score, 'LIMIT', 0, 2))
    is_whole = at < 2
  end
  if not is_whole then
    -- By ranks: LIMIT walks over all that it skips.
    local first = redis.call('ZCOUNT', set, '-inf', '(' .. score)
    local count = redis.call('ZCOUNT', set, score, score)
    while at < count and most > 0 and left > 0 do
      -- Few at once, for they may be large.
      local last = first + at + math.min(count - at, most, 16) - 1
      keep(redis.call('ZRANGE', set, first + at, last))
    end
    reply[1] = at < count and 1 or 0
  end
  replies[#replies + 1] = reply
  if most <= 0 or left <= 0 then
    break
  end
end
return replies
