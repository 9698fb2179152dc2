-- Take back a part of what an operator did to delayed jobs or schedules, and take off the names of
-- queues that it made and that are empty again. What is taken back leaves the operation's memory in
-- the same step, so nothing is ever restored twice.
--
-- include trail.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] all moments   KEYS[7] queues
-- KEYS[5+3i] to KEYS[7+3i] for each part, in the order of ARGV:
--   delayed: the moment's list, the moments of the job, the list it was pushed to
--   schedules: persistent_schedules, schedules_changed, the hash again
--   pushed: the hash twice, the queue
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   the shape of the memory: delayed, schedules or pushed   a blank (no item)
--   what a list's name inside values begins with
--   the SHA-1 of each part's four texts joined, last first. These texts are:
--     delayed: '<place> <score> <new moment> <moment>' ('-' for none), bytes, key pushed to, payload
--     schedules: name, configuration, '', ''      pushed: '', '', the queue's key, payload
-- Returns {how many were taken back, how many can not be any more, how many remain}. A job can not
-- be taken back when it was taken since, a schedule not when it was set again.
-- Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts x (length of the moment's list + of the list pushed to)), but after one part no
-- more than about 250,000 places are walked over.
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local memory, moments = KEYS[5], KEYS[6]
local shape, blank, prefix = ARGV[base + 1], ARGV[base + 2], ARGV[base + 3]
local most, walked = 250000, 0
-- An error before anything is done, if these are of another kind.
redis.call('ZCARD', moments)
redis.call('SISMEMBER', KEYS[7], '')
need('LTRIM', memory)
-- The queues that the operation made, by their keys.
local made = {}
for i = 8, #KEYS, 3 do
  made[KEYS[i + 2]] = redis.call('HGET', KEYS[4], 'made:' .. KEYS[i + 2]) or nil
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
local function unpush(target, payload)
  local removed = redis.pcall('LREM', target, -1, payload)
  walked = walked + (type(removed) == 'number' and redis.call('LLEN', target) or 0)
  return removed == 1
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
function back.delayed(part, list, stamps, target)
  local place, score, new, member = string.match(part[1], '^(%d+) (%S+) (%S+) (.*)$')
  local kind = redis.call('TYPE', list).ok
  if kind ~= 'list' and kind ~= 'none' then
    return false
  end
  if part[3] ~= '' and not unpush(target, new == '-' and part[4] or part[2]) then
    return false
  end
  if new ~= '-' and not redis.call('LPOS', target, part[2]) then
    redis.pcall('SREM', stamps, prefix .. new)
    if redis.call('EXISTS', target) == 0 then
      redis.call('ZREM', moments, new)
    end
  end
  insert(list, tonumber(place), part[2])
  redis.pcall('SADD', stamps, prefix .. member)
  if score ~= '-' then
    redis.call('ZADD', moments, 'NX', score, member)
  end
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
  return unpush(target, part[4])
end
local done, lost = 0, 0
for i = 1, (#KEYS - 7) / 3 do
  local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
  if walked > most or redis.sha1hex(table.concat(part)) ~= ARGV[base + 3 + i] then
    break
  end
  if back[shape](part, KEYS[5 + 3 * i], KEYS[6 + 3 * i], KEYS[7 + 3 * i]) then
    done = done + 1
  else
    lost = lost + 1
  end
end
if done + lost == 0 then
  return {0, 0, -1}
end
redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
for key, name in pairs(made) do
  if done > 0 and redis.call('EXISTS', key) == 0 then
    redis.call('SREM', KEYS[7], name)
    redis.call('HDEL', KEYS[4], 'made:' .. key)
  end
end
redis.call('HINCRBY', KEYS[4], 'undone', done)
note('undo', done)
return {done, lost, redis.call('LLEN', memory) / 4}
