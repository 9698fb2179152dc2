-- Take back a part of what an operator did to delayed jobs or schedules, and take off the names of
-- queues that it made and that are empty again. What is taken back leaves the operation's memory in
-- the same step, so nothing is ever restored twice.
--
-- include trail.inc.lua
-- include turned.inc.lua
-- include pushed.inc.lua
-- include delayed_back.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] all moments   KEYS[7] queues
-- KEYS[4+4i] to KEYS[7+4i] for each part, in the order of ARGV:
--   delayed: the moment's list, the moments of the job, the list it was pushed to, the state of the
--     turn of the moment's list
--   schedules: persistent_schedules, schedules_changed, the hash twice
--   pushed: the hash twice, the queue, the hash
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   the shape of the memory: delayed, schedules or pushed   a blank (no item)
--   what a list's name inside values begins with   how long the list of a moment may be (0: any)
--   the SHA-1 of each part's four texts joined, last first. These texts are:
--     delayed: as in delayed_back.inc.lua   schedules: name, configuration, '', ''
--     pushed: '', '', the queue's key, payload
-- Returns {how many were taken back, how many can not be any more, how many remain}. A job can not
-- be taken back when it was taken since, a schedule not when it was set again. It ends early at a
-- list that is too long, or that another program turns.
-- Returns {0, 0, -1} when nothing could be done: also when the memory is not as expected.
-- Cost: O(parts x length of the moment's list), and that of delayed_back.inc.lua; but after one part no
-- more than about 250,000 places are walked over.
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local memory, moments = KEYS[5], KEYS[6]
local shape, blank, prefix = ARGV[base + 1], ARGV[base + 2], ARGV[base + 3]
local most, longest = 250000, tonumber(ARGV[base + 4])
-- An error before anything is done, if these are of another kind.
redis.call('ZCARD', moments)
redis.call('SISMEMBER', KEYS[7], '')
need('LTRIM', memory)
find_made(KEYS[4], 10, 4)
for i = 8, #KEYS, 4 do
  if shape == 'schedules' then
    need('HSETNX', KEYS[i])
    need('SADD', KEYS[i + 1])
  else
    need('LREM', KEYS[i + 2])
  end
  if shape == 'delayed' then
    need('RPUSH LSET LINSERT', KEYS[i])
    need('ZADD ZREM', moments)
  end
end
if next(made) then
  need('SREM', KEYS[7])
  need('HDEL', KEYS[4])
end
if refused then
  return refused
end
local function insert(list, place, item)
  if place >= redis.call('LLEN', list) then
    redis.call('RPUSH', list, item)
  else
    -- LINSERT knows values, not places: mark the place first.
    local there = redis.call('LINDEX', list, place)
    redis.call('LSET', list, place, blank)
    redis.call('LINSERT', list, 'BEFORE', blank, item)
    redis.call('LSET', list, place + 1, there)
    walked = walked + place
  end
end
local back = {}
function back.delayed(part, list, known_in, target)
  local place, score, new, member = string.match(part[1], '^(%d+) (%S+) (%S+) (.*)$')
  local kind = redis.call('TYPE', list).ok
  if kind ~= 'list' and kind ~= 'none' then
    return false
  end
  if not leave_there(part, new, target, moments, known_in, prefix) then
    return false
  end
  insert(list, tonumber(place), part[2])
  known_again(score, member, moments, known_in, prefix)
  return true
end
function back.schedules(part, configs, changed)
  if redis.call('HSETNX', configs, part[1], part[2]) == 0 then
    return false
  end
  redis.call('SADD', changed, part[1])
  return true
end
function back.pushed(part, _, _, target)
  return take_off(target, part[4])
end
-- Whether jobs may be put back to a list by walking to their places.
local function is_open(list, state)
  if redis.call('TYPE', list).ok ~= 'list' then
    return true
  end
  local turn = known_turn(list, state)
  local is_turned = turn and turn.turned > 0 and turn.rest > 0
  return not is_turned and (longest == 0 or redis.call('LLEN', list) <= longest)
end
local done, lost = 0, 0
for i = 1, (#KEYS - 7) / 4 do
  local part, at = redis.call('LRANGE', memory, -4 * i, -4 * i + 3), 4 + 4 * i
  if walked > most or redis.sha1hex(table.concat(part)) ~= ARGV[base + 4 + i] then
    break
  end
  if shape == 'delayed' and not is_open(KEYS[at], KEYS[at + 3]) then
    break
  end
  if back[shape](part, KEYS[at], KEYS[at + 1], KEYS[at + 2]) then
    done = done + 1
  else
    lost = lost + 1
  end
end
if done + lost == 0 then
  return {0, 0, -1}
end
redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
if done > 0 then
  forget_made(KEYS[4], KEYS[7])
end
redis.call('HINCRBY', KEYS[4], 'undone', done)
note('undo', done)
return {done, lost, redis.call('LLEN', memory) / 4}
