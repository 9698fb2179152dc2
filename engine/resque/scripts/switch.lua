-- Set or take away a switch (a pause), and remember how it was.
--
-- include trail.inc.lua
--
-- KEYS[4..] the switches
-- After the trail's arguments, ARGV holds the value to set, or '' to take the switches away.
-- Returns how many changed. Cost: O(switches).
local value, changed = ARGV[base + 1], 0
local wanted = value ~= '' and value
local before = {}
-- All of them first: one that is not a text is an error before anything is done.
for i = 4, #KEYS do
  before[i] = redis.call('GET', KEYS[i])
  need(wanted and 'SET' or 'DEL', KEYS[i])
end
if refused then
  return refused
end
for i = 4, #KEYS do
  local was = before[i]
  if was ~= wanted then
    if wanted then
      redis.call('SET', KEYS[i], value)
    else
      redis.call('DEL', KEYS[i])
    end
    changed = changed + 1
    remember(KEYS[i], was and '1' or '0', was or '', value)
  end
end
if changed > 0 then
  note('switches', changed)
end
return changed
