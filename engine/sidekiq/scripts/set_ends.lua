-- Read how many entries sorted sets have, and their lowest and highest scores, without their members.
--
-- KEYS[1..n] the sets
-- Returns for each {entries, lowest score, highest score}, {0} where there is none, nothing where the
-- key holds another kind of value. Fails where one may not be read. Cost: O(n log entries), and
-- copies of two members of each set; read-only.
local found = {}
for i, set in ipairs(KEYS) do
  local low = redis.pcall('ZRANGE', set, 0, 0, 'WITHSCORES')
  if low.err and not string.find(low.err, 'WRONGTYPE', 1, true) then
    return low
  end
  if low.err then
    found[i] = false
  elseif not low[2] then
    found[i] = {0}
  else
    local high = redis.call('ZRANGE', set, -1, -1, 'WITHSCORES')
    found[i] = {redis.call('ZCARD', set), low[2], high[2]}
  end
end
return found
