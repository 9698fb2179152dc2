-- Set the totals to 0, as Sidekiq's own API does, and remember what they were.
--
-- include trail.inc.lua
--
-- KEYS[4..] the totals
-- No ARGV after the trail's arguments.
-- Returns for each what it was, '' where there was none; nothing is done, and 0 is returned, when
-- one is no whole number.
-- Cost: O(totals).
local were = {}
for i = 4, #KEYS do
  local was = redis.call('GET', KEYS[i]) or ''
  if was ~= '' and not (string.match(was, '^%-?%d+$') and #was <= 20) then
    return 0
  end
  were[i - 3] = was
  need('SET', KEYS[i])
end
if refused then
  return refused
end
local changed = 0
for i = 4, #KEYS do
  redis.call('SET', KEYS[i], '0')
  local was = were[i - 3]
  if was ~= '' and was ~= '0' then
    remember(was, '', KEYS[i], '')
    changed = changed + 1
  end
end
note('totals', changed)
return were
