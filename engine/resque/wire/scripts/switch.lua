-- Set or take away a switch (a pause), and remember how it was.
--
-- include trail.inc.lua
--
-- KEYS[4..] the switches
-- After the trail's arguments, ARGV holds the value to set, or '' to take the switches away.
-- Returns how many changed between set and not set. Cost: O(switches).
local value, changed = ARGV[base + 1], 0
for i = 4, #KEYS do
  local before = redis.call('GET', KEYS[i])
  if value == '' then
    redis.call('DEL', KEYS[i])
  else
    redis.call('SET', KEYS[i], value)
  end
  if (before ~= false) ~= (value ~= '') then
    changed = changed + 1
    remember(KEYS[i], before and '1' or '0', before or '', value)
  end
end
if changed > 0 then
  note('switches', changed)
end
return changed
