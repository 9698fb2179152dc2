-- What is in a stretch of a sorted set, from the highest score on: of each entry its score, its
-- size and its SHA-1.
--
-- KEYS[1] the set
-- ARGV[1] the highest score of the stretch   ARGV[2] how many entries to leave out from there
-- ARGV[3] how many at most   ARGV[4] about how many bytes at most
-- Returns {how many are in the set, {score, size, SHA-1, score, ...}}.
-- Cost: O(entries left out + bytes looked at); read-only.
local most, left = tonumber(ARGV[3]), tonumber(ARGV[4])
local skip, step, found = tonumber(ARGV[2]), 1, {}
while most > 0 and left > 0 do
  local page = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', skip, math.min(step, most))
  local bytes = 0
  for i = 1, #page, 2 do
    local member = page[i]
    found[#found + 1] = page[i + 1]
    found[#found + 1] = #member
    found[#found + 1] = redis.sha1hex(member)
    bytes = bytes + #member
  end
  local count = #page / 2
  if count == 0 then
    break
  end
  skip, most, left = skip + count, most - count, left - bytes
  -- Few at once where they are large.
  step = bytes > 65536 and 1 or math.min(2 * step, 64)
end
return {redis.call('ZCARD', KEYS[1]), found}
