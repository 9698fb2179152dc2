-- Put items back to where they were in a list, and undo what was pushed for each, while the list is
-- turned.
--
-- include turning.inc.lua
-- include pushed.inc.lua
-- include turning_back.inc.lua
--
-- KEYS[10..] the queues it may have pushed to; the texts of an item are as in undo.lua
-- Returns what `put_back` says; else what `busy` is. Cost: O(places turned + items), and to take off
-- what was pushed.
for i = 10, #KEYS do
  need('LREM', KEYS[i])
end
need('LSET', list)
if refused or busy then
  return refused or busy
end
return put_back(10, function(part)
  return tonumber(string.match(part[1], '^(%d+)$') or string.match(part[1], '^(%d+) edit$'))
end, function(part)
  return part[3] == '' or take_off(part[3], part[4], newest == 'head' and 1 or -1)
end, function() end, function(part)
  return string.find(part[1], ' edit', 1, true)
end)
