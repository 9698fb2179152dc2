-- Delete entries of a sorted set by their scores and their SHA-1; all others stay.
--
-- include trail.inc.lua
--
-- KEYS[4] the set
-- After the trail's arguments, ARGV holds:
--   the highest and the lowest score of the entries   how many others to leave out from the highest
--   how many entries to look at, at most   about how many bytes to look at, at most
--   the SHA-1 of each entry
-- Returns {how many were deleted, how many others to leave out next, 1 when all of the entries were
-- found or all of these scores were looked at}.
-- Cost: O(entries looked at + bytes looked at).
local set = KEYS[4]
local highest, lowest = ARGV[base + 1], ARGV[base + 2]
local skip, most, left = tonumber(ARGV[base + 3]), tonumber(ARGV[base + 4]), tonumber(ARGV[base + 5])
redis.call('ZCARD', set) -- an error before anything is done, if it is no sorted set
need('ZREM', set)
if refused then
  return refused
end
local wanted, open = {}, 0
for i = base + 6, #ARGV do
  if not wanted[ARGV[i]] then
    wanted[ARGV[i]] = true
    open = open + 1
  end
end
local done, step, is_over = 0, 1, 0
while most > 0 and left > 0 do
  local page = redis.call('ZREVRANGEBYSCORE', set, highest, lowest, 'WITHSCORES', 'LIMIT', skip, math.min(step, most))
  local bytes = 0
  for i = 1, #page, 2 do
    local member = page[i]
    bytes = bytes + #member
    if wanted[redis.sha1hex(member)] then
      redis.call('ZREM', set, member)
      remember('drop ' .. page[i + 1] .. ' - ' .. set, member, '', '')
      done, open = done + 1, open - 1
    else
      skip = skip + 1
    end
  end
  if #page == 0 or open == 0 then
    is_over = 1
    break
  end
  most, left = most - #page / 2, left - bytes
  step = bytes > 65536 and 1 or math.min(2 * step, 64)
end
note('entries', done)
return {done, skip, is_over}
