-- Turn a moment's list a little further, and take jobs off it on the way: delete them, put them onto
-- their queues, or delay them until another moment.
--
-- include turning.inc.lua
-- include delaying.inc.lua
--
-- KEYS[8..] the queues, or the list of the new moment; after these all moments, and for each of the n
-- jobs the moments of that job
-- After the arguments of turning.inc.lua, ARGV holds:
--   'drop', 'queue' or 'delay'   the list's name inside values   the member among all moments
--   delay: the new list's name inside values   delay: the new member and moment (epoch)
-- and then what turning_items.inc.lua says; of each job also how many equal ones the list holds, as
-- they were counted since the turn began.
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns what `end_taking` says; else what `busy` is. A list that is empty leaves all moments with
-- it. Cost: O(places turned + n); equal jobs are looked for among 20,000 newcomers at most.
local act, name, member = ARGV[after + 1], ARGV[after + 2], ARGV[after + 3]
local new_name, new_member = ARGV[after + 4], ARGV[after + 5]
after = after + 5
-- include turning_items.inc.lua
local moments = KEYS[8 + targets]
local score = redis.call('ZSCORE', moments, member) or '-'
need('ZREM ZADD', moments)
if act == 'queue' then
  need('SADD', KEYS[5])
end
if refused or busy then
  return refused or busy
end
begin_turn()
local taken, room = {}, 20000
-- Whether an equal job is left in the list. Where that is not known it is taken to be: a moment too
-- many does no harm.
local function is_left(job, counted)
  taken[job] = (taken[job] or 0) + 1
  if taken[job] < counted or between > 0 or room <= 0 then
    return true
  end
  -- What came since they were counted is a newcomer.
  room = room - redis.call('LLEN', apart)
  return redis.call('LPOS', apart, job, 'RANK', -1)
end
take_items(6, function(job, target, payload, i, at)
  local known_in, new = KEYS[8 + targets + i], '-'
  if act == 'queue' then
    push_to_queue(target, payload)
  elseif act == 'delay' then
    local onto = KEYS[7 + target] == list and apart or KEYS[7 + target]
    new = delay(job, onto, new_member, new_name, moments, known_in)
  end
  if not is_left(job, tonumber(ARGV[at + 5])) then
    redis.pcall('SREM', known_in, name)
  end
  local where = turn.turned .. ' ' .. score .. ' ' .. new .. ' ' .. member
  remember(where, job, target > 0 and KEYS[7 + target] or '', payload)
end)
local reply = end_taking(6, 'delayed')
if redis.call('EXISTS', list) == 0 then
  redis.call('ZREM', moments, member)
end
return reply
