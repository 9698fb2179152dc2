-- Take back a part of an operation: put items back where they were, undo what was pushed, take off
-- the names of queues that it made and that are empty again, set switches as they stood. What is
-- taken back leaves the operation's memory in the same step, so nothing is ever restored twice.
--
-- include trail.inc.lua
-- include pushed.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] the list it was removed from
-- KEYS[7] queues   KEYS[8..] for each part, in the order of ARGV, the queue it was pushed to, or
--   the switch (the hash again where there is none)
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   the shape of the memory: items (newcomers of the list, and of those pushed to, arrive at the tail)
--   or waiting (they arrive at the head), list (it goes back to the head), tail (to the tail), switches
--   a blank (no item)
--   how many parts at most, from the end of the memory
--   '1' to put a queue's name back on the set of queues   that name
--   for shapes items and switches: the SHA-1 of each part's four texts joined, last first
-- The first text of an item is `<place>`, counted from the end where others take items, or `<place> edit`
-- where other bytes took its place.
-- Returns {how many were taken back, how many can not be any more, how many remain}. A part can
-- not be taken back when what was pushed has been taken by a worker since, or when a switch was
-- changed again; it stays as it is. Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts x (distance to the head + distance of what was pushed to its queue's end)), but
-- after one part no more than about 250,000 places are walked over (16 ns each).
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local most = 250000
local memory, list = KEYS[5], KEYS[6]
local shape, blank, wanted = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 3])
if shape ~= 'switches' then
  -- An error before anything is done, if these are of another kind.
  redis.call('LLEN', list)
  redis.call('SISMEMBER', KEYS[7], '')
  need('RPUSH LPUSH LSET LINSERT', list)
end
need('LTRIM', memory)
local is_head = shape == 'waiting'
local is_list = shape == 'list' or shape == 'tail'
if shape == 'list' then
  need('LMOVE', memory, list)
elseif shape == 'tail' then
  need('LPOP', memory)
end
for i = 8, #KEYS do
  need(shape == 'switches' and 'SET DEL' or 'LREM', KEYS[i])
end
if ARGV[base + 4] == '1' then
  need('SADD', KEYS[7])
end
if not is_list and shape ~= 'switches' then
  find_made(KEYS[4], 8, 1)
end
if next(made) then
  need('SREM', KEYS[7])
  need('HDEL', KEYS[4])
end
if refused then
  return refused
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('LTRIM', memory, 0, -1)
local function index_of(place)
  return is_head and -1 - place or place
end
local function insert(place, item)
  local length = redis.call('LLEN', list)
  if place == 0 and is_head or place >= length and not is_head then
    redis.call('RPUSH', list, item)
  elseif place == 0 or place >= length then
    redis.call('LPUSH', list, item)
  else
    -- LINSERT knows values, not places: mark the place first. It looks from the head on.
    local there = redis.call('LINDEX', list, index_of(place))
    redis.call('LSET', list, index_of(place), blank)
    redis.call('LINSERT', list, is_head and 'AFTER' or 'BEFORE', blank, item)
    redis.call('LSET', list, index_of(place + 1), there)
    walked = walked + (is_head and length - place or place)
  end
end
-- How far before its place, as it was written down, the item is that took the place of another: others
-- took items from the list meanwhile.
local away = not is_list and tonumber(redis.call('HGET', KEYS[4], 'away') or 0) or 0
-- The index of the item that took the place of another; nil where it is not there any more.
local function stand_in(place, other)
  local reach = 50
  for step = 0, 2 * reach do
    local at = place - away + (step % 2 == 0 and step / 2 or -(step + 1) / 2)
    if at >= 0 and redis.call('LINDEX', list, index_of(at)) == other then
      away = place - at
      return index_of(at)
    end
  end
  if place - away < -reach then
    return nil
  end
  local length = redis.call('LLEN', list)
  local at = redis.call('LPOS', list, other, 'RANK', is_head and -1 or 1)
  walked = walked + length
  away = at and place - (is_head and length - 1 - at or at) or away
  return at
end
local function item_back(part, pushed_to)
  local place, is_edit = string.match(part[1], '^(%d+)( ?e?d?i?t?)$')
  -- What is no place must not be counted from the end, nor end the script half-way.
  place = tonumber(place) or 0
  if is_edit == ' edit' then
    local at = stand_in(place, part[4])
    if at then
      redis.call('LSET', list, at, part[2])
    end
    return at
  end
  if part[3] ~= '' and not take_off(pushed_to, part[4], is_head and 1 or -1) then
    return false
  end
  insert(place, part[2])
  return true
end
local function switch_back(part, switch)
  local now = redis.pcall('GET', switch)
  if (now or '') ~= part[4] then
    return false
  end
  if part[2] == '1' then
    redis.call('SET', switch, part[3])
  else
    redis.call('DEL', switch)
  end
  return true
end
local done, lost = 0, 0
if shape == 'list' then
  for _ = 1, wanted do
    if not redis.call('LMOVE', memory, list, 'RIGHT', 'LEFT') then
      break
    end
    done = done + 1
  end
elseif shape == 'tail' then
  -- Not LMOVE: Redis before 6.2 does not know it.
  for _ = 1, wanted do
    local item = redis.call('LPOP', memory)
    if not item then
      break
    end
    redis.call('RPUSH', list, item)
    done = done + 1
  end
else
  local back = shape == 'switches' and switch_back or item_back
  for i = 1, wanted do
    local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
    local bytes = table.concat(part)
    if walked > most or redis.sha1hex(bytes) ~= ARGV[base + 5 + i] then
      break
    end
    -- To check and to copy it takes its time as well.
    walked = walked + 500 + #bytes / 5
    if back(part, KEYS[7 + i]) then
      done = done + 1
    else
      lost = lost + 1
    end
  end
  if done + lost == 0 then
    return {0, 0, -1}
  end
  redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
  if away ~= 0 then
    redis.call('HSET', KEYS[4], 'away', string.format('%d', away))
  end
end
if done > 0 then
  forget_made(KEYS[4], KEYS[7])
end
if done > 0 and ARGV[base + 4] == '1' then
  redis.call('SADD', KEYS[7], ARGV[base + 5])
end
redis.call('HINCRBY', KEYS[4], 'undone', done)
note('undo', done)
local remain = redis.call('LLEN', memory)
return {done, lost, is_list and remain or remain / 4}
