-- Take back a part of what an operator did to entries of a set or to waiting jobs: what was pushed or
-- put elsewhere is removed there, and what was removed is back at its score or in its place. What is
-- taken back leaves the operation's memory in the same step, so nothing is ever restored twice.
--
-- include trail.inc.lua
-- include pushed.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] queues
-- KEYS[7..] the sets or lists that it was removed from, then where else it was pushed to or put in
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   the shape of the memory: entries or waiting   a blank (no item)
--   how many parts at most, from the end of the memory   how many of KEYS[7..] are of the first kind
-- A part is of four texts:
--   entries: '<act> <score> <new score> <set>', bytes, the key that it went to, other bytes
--   waiting: '<act> <place> <list>', bytes, the key that it went to, other bytes
-- Returns {how many were taken back, how many can not be any more, how many remain}. A part can not be
-- when a worker took what was pushed, when what was put elsewhere left, or when an equal entry is in
-- the set by now; it stays as it is. It ends before a part of other keys than
-- KEYS[7..]: another undo has been there. Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts x (log(length of the set), or distance to the nearer end of the list) + distance of
-- what was pushed to where it was pushed), but after one part no more than about 250,000 places are
-- walked over (16 ns each).
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local memory = KEYS[5]
local shape, blank, wanted = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 3])
-- Errors before anything is done, if these are of another kind.
redis.call('SISMEMBER', KEYS[6], '')
need('LTRIM', memory)
local is_known, is_source = {[''] = true}, {}
for i = 7, #KEYS do
  local key = KEYS[i]
  is_known[key] = true
  if i > 6 + tonumber(ARGV[base + 4]) then
    need(redis.call('TYPE', key).ok == 'zset' and 'ZREM' or 'LREM', key)
  else
    is_source[key] = true
    redis.call(shape == 'entries' and 'ZCARD' or 'LLEN', key)
    need(shape == 'entries' and 'ZADD ZREM' or 'LPUSH RPUSH LTRIM LRANGE LINDEX LSET LINSERT LREM', key)
  end
end
find_made(KEYS[4], 7, 1)
if next(made) then
  need('SREM', KEYS[6])
  need('HDEL', KEYS[4])
end
if refused then
  return refused
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('LTRIM', memory, 0, -1)
local back = {}
-- Each gets what the first text says, and the key that it ends with.
function back.entries(act, score, new, source, bytes, key, other)
  local now = redis.call('ZSCORE', source, bytes)
  if act == 'put' and key == source then
    if not now or tonumber(now) ~= tonumber(new) then
      return false
    end
  elseif now then
    return false
  elseif act == 'push' and not take_off(key, other, 1) then
    return false
  elseif act == 'put' and redis.pcall('ZREM', key, bytes) ~= 1 then
    return false
  elseif act == 'change' and redis.call('ZREM', source, other) ~= 1 then
    return false
  end
  redis.call('ZADD', source, score, bytes)
  return true
end
-- The last items of a list, the very last first, while items are put back before them: mostly the
-- item that is put back next belongs a little further on.
local aside, apart, aside_bytes, moved = {}, nil, 0, 0
-- Put them back but for so many.
local function settle(count)
  while #aside > count do
    local some = {}
    for i = #aside, math.max(count + 1, #aside - 499), -1 do
      some[#some + 1] = aside[i]
      aside[i] = nil
    end
    redis.call('RPUSH', apart, unpack(some))
  end
  aside_bytes = count > 0 and aside_bytes or 0
end
-- Put so many aside, unless they are too large.
local function put_aside(list, count)
  while #aside < count and aside_bytes < 8388608 do
    local most = math.min(count - #aside, 100)
    local last = redis.call('LRANGE', list, -most, -1)
    redis.call('LTRIM', list, 0, -most - 1)
    for i = most, 1, -1 do
      aside[#aside + 1] = last[i]
      aside_bytes = aside_bytes + #last[i]
      walked = walked + #last[i] / 50
    end
    moved = moved + most
    walked = walked + (moved > 12000 and 30 * most or 0)
  end
end
local function insert_far(list, place, item)
  settle(0)
  -- LINSERT knows values, not places: mark the place first. It begins at the head.
  local there = redis.call('LINDEX', list, -place)
  redis.call('LSET', list, -place, blank)
  redis.call('LINSERT', list, 'BEFORE', blank, item)
  redis.call('LSET', list, -place, there)
  local length = redis.call('LLEN', list)
  walked = walked + length - place + math.min(place, length - place)
end
-- Put an item where so many come after it in its list.
local function insert(list, place, item)
  if apart ~= list then
    settle(0)
    apart = list
  end
  local length = redis.call('LLEN', list) + #aside
  if place >= length then
    settle(0)
    redis.call('LPUSH', list, item)
    return
  end
  local is_near = place <= 10000 and (place * 50 < length or #aside > 0)
  if is_near then
    put_aside(list, place)
  end
  if #aside < place or not is_near then
    insert_far(list, place, item)
  else
    settle(place)
    redis.call('RPUSH', list, item)
  end
end
function back.waiting(act, place, _, source, bytes, key, other)
  if key == apart then
    settle(0)
  end
  if act == 'edit' then
    local at = redis.call('LPOS', source, other, 'RANK', -1)
    walked = walked + redis.call('LLEN', source)
    if at then
      redis.call('LSET', source, at, bytes)
    end
    return at
  end
  if key ~= '' and not take_off(key, other, act == 'front' and -1 or 1) then
    return false
  end
  insert(source, tonumber(place), bytes)
  return true
end
local form = shape == 'entries' and '^(%a+) (%S+) (%S+) (.*)$' or '^(%a+) (%d+)( )(.*)$'
local done, lost = 0, 0
for i = 1, wanted do
  local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
  local act, at, new, source = string.match(part[1] or '', form)
  local is_ours = not act or is_source[source] and is_known[part[3]]
  if walked > 250000 or #part < 4 or not is_ours then
    break
  end
  -- To copy it takes its time as well.
  walked = walked + 800 + (#part[2] + #part[4]) / 6
  if act and back[shape](act, at, new, source, part[2], part[3], part[4]) then
    done = done + 1
  else
    lost = lost + 1
  end
end
settle(0)
if done + lost == 0 then
  return {0, 0, -1}
end
redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
if done > 0 then
  forget_made(KEYS[4], KEYS[6])
end
redis.call('HINCRBY', KEYS[4], 'undone', done)
note('undo', done)
return {done, lost, redis.call('LLEN', memory) / 4}
