-- Put delayed jobs back to where they were in a moment's list, and undo what was pushed for each, while
-- the list is turned.
--
-- include turning.inc.lua
-- include pushed.inc.lua
-- include delayed_back.inc.lua
-- include turning_back.inc.lua
--
-- KEYS[10] all moments   KEYS[11..] the lists that jobs may have been pushed to
-- After what turning_back.inc.lua says, ARGV holds the member among all moments, what a list's name
-- inside values begins with, and what the key with the moments of a job begins with.
-- Returns what `put_back` says; else what `busy` is. It ends early at a job of another moment.
-- Cost: O(places turned + jobs), and that of delayed_back.inc.lua.
local moments, member = KEYS[10], ARGV[after + 2]
local prefix, known_prefix = ARGV[after + 3], ARGV[after + 4]
redis.call('ZSCORE', moments, member)
need('ZADD ZREM', moments)
for i = 11, #KEYS do
  need('LREM', KEYS[i])
end
if refused or busy then
  return refused or busy
end
-- Of the job that is looked at.
local score, new
return put_back(11, function(part)
  local place, moment
  place, score, new, moment = string.match(part[1], '^(%d+) (%S+) (%S+) (.*)$')
  return moment == member and tonumber(place)
end, function(part)
  return leave_there(part, new, part[3], moments, known_prefix .. part[2], prefix)
end, function(part)
  known_again(score, member, moments, known_prefix .. part[2], prefix)
end)
