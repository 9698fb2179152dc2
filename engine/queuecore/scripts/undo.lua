-- Take back a part of an operation: put items back where they were, undo what was pushed, take off
-- the names of queues that it made and that are empty again, set switches as they stood. What is
-- taken back leaves the operation's memory in the same step, so nothing is ever restored twice.
--
-- include trail.inc.lua
-- include gap.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] the list it was removed from
-- KEYS[7] queues   KEYS[8..] for each part, in the order of ARGV, the queue it was pushed to, or
--   the switch (the hash again where there is none)
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   the shape of the memory: items, list or switches   a blank (no item)
--   how many parts at most, from the end of the memory
--   '1' to put a queue's name back on the set of queues   that name
--   for shapes items and switches: the SHA-1 of each part's four texts joined, last first
-- Returns {how many were taken back, how many can not be any more, how many remain}. A part can
-- not be taken back when what was pushed has been taken by a worker since, or when a switch was
-- changed again; it stays as it is. Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts x (distance to the head + distance of what was pushed to its queue's end)), but
-- after one part no more than about 250,000 places are walked over (16 ns each). Near either end a
-- gap is held open instead, once for all parts, if that takes no longer than about 8 ms.
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local most = 250000
local walked = 0
local memory, list = KEYS[5], KEYS[6]
local shape, blank, wanted = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 3])
if shape ~= 'switches' then
  -- An error before anything is done, if these are of another kind.
  redis.call('LLEN', list)
  redis.call('SISMEMBER', KEYS[7], '')
  need('RPUSH LSET LINSERT', list)
end
need('LTRIM', memory)
if shape == 'list' then
  need('LMOVE', memory, list)
end
for i = 8, #KEYS do
  need(shape == 'switches' and 'SET DEL' or 'LREM', KEYS[i])
end
if ARGV[base + 4] == '1' then
  need('SADD', KEYS[7])
end
-- The queues that the operation made, by their keys.
local made = {}
for i = 8, #KEYS do
  made[KEYS[i]] = shape == 'items' and redis.call('HGET', KEYS[4], 'made:' .. KEYS[i]) or nil
end
if next(made) then
  need('SREM', KEYS[7])
  need('HDEL', KEYS[4])
end
if refused then
  return refused
end
local function is_pushed_to(key)
  for i = 8, #KEYS do
    if KEYS[i] == key then
      return true
    end
  end
  return false
end
-- What a gap held open there costs, in places: a little for each item set aside, and for its
-- bytes. Nil when that is much, or more than to walk there for each part.
local function gap_cost(place)
  local length = redis.call('LLEN', list)
  local near = math.min(place, length - place)
  local parts = math.min(wanted, redis.call('LLEN', memory) / 4)
  local bearable = math.min(parts * place, 500000)
  if near * 14 > bearable then
    return nil
  end
  local used = redis.pcall('MEMORY', 'USAGE', list, 'SAMPLES', 0)
  -- Where that is not allowed, or the list is gone, there is the other way.
  local cost = type(used) == 'number' and near * (14 + used / length / 9)
  return cost and cost < bearable and cost or nil
end
local function insert(place, item)
  local length = redis.call('LLEN', list)
  if side then
    local before = #aside
    put_into_gap(place, item)
    walked = walked + 70 * math.abs(#aside - before)
  elseif place >= length then
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
local function item_back(part, pushed_to)
  if part[3] ~= '' then
    local at = redis.pcall('LPOS', pushed_to, part[4], 'RANK', -1)
    -- Of another kind by now: what was pushed is gone.
    local there = type(at) == 'number'
    local length = type(at) == 'table' and 0 or redis.call('LLEN', pushed_to)
    walked = walked + 2 * (there and length - at or length)
    if not there then
      return false
    end
    redis.call('LREM', pushed_to, -1, part[4])
  end
  insert(tonumber(part[1]), part[2])
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
else
  local back = shape == 'items' and item_back or switch_back
  for i = 1, wanted do
    local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
    local bytes = table.concat(part)
    if walked > most or redis.sha1hex(bytes) ~= ARGV[base + 5 + i] then
      break
    end
    if i == 1 and shape == 'items' and not is_pushed_to(list) then
      -- A queue from which and onto which things went is no place for a gap.
      local place = tonumber(part[1])
      local cost = gap_cost(place)
      if cost then
        open_gap(list, place, blank)
        walked, most = cost, 600000
      end
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
  if side then
    close_gap()
  end
  redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
end
for key, name in pairs(made) do
  if done > 0 and redis.call('EXISTS', key) == 0 then
    redis.call('SREM', KEYS[7], name)
    redis.call('HDEL', KEYS[4], 'made:' .. key)
  end
end
if done > 0 and ARGV[base + 4] == '1' then
  redis.call('SADD', KEYS[7], ARGV[base + 5])
end
redis.call('HINCRBY', KEYS[4], 'undone', done)
note('undo', done)
local remain = redis.call('LLEN', memory)
return {done, lost, shape == 'list' and remain or remain / 4}
