-- Take back a part of an operation: put items back where they were, undo what was pushed, set
-- switches as they stood. What is taken back leaves the operation's memory in the same step, so
-- nothing is ever restored twice.
--
-- KEYS[1] the operation's hash   KEYS[2] what it removed   KEYS[3] the list it was removed from
-- KEYS[4] queues   KEYS[5..] for each part, in the order of ARGV, the queue it was pushed to, or
--   the switch (the hash again where there is none)
-- ARGV[1] the shape of the memory: items, list or switches   ARGV[2] a blank (no item)
-- ARGV[3] how many parts at most, from the end of the memory
-- ARGV[4] a queue's name to put back on the set of queues, or ''
-- ARGV[5..] for shapes items and switches: the SHA-1 of each part's four texts joined, last first
-- Returns {how many were taken back, how many can not be any more, how many remain}. A part can
-- not be taken back when what was pushed has been taken by a worker since, or when a switch was
-- changed again; it stays as it is. Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts x (distance to the head + length of the queue pushed to)), but after one part no
-- more than about 250,000 places are walked over.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {0, 0, -1}
end
local most = 250000
local walked = 0
local memory, list, blank = KEYS[2], KEYS[3], ARGV[2]
local wanted = tonumber(ARGV[3])
if ARGV[1] ~= 'switches' then
  -- An error before anything is done, if these are of another kind.
  redis.call('LLEN', list)
  redis.call('SISMEMBER', KEYS[4], '')
end
local function insert(place, item)
  local length = redis.call('LLEN', list)
  if place >= length then
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
    local removed = redis.pcall('LREM', pushed_to, -1, part[4])
    -- Of another kind by now: what was pushed is gone.
    if type(removed) ~= 'number' then
      return false
    end
    walked = walked + redis.call('LLEN', pushed_to)
    if removed == 0 then
      return false
    end
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
if ARGV[1] == 'list' then
  for _ = 1, wanted do
    if not redis.call('LMOVE', memory, list, 'RIGHT', 'LEFT') then
      break
    end
    done = done + 1
  end
else
  local back = ARGV[1] == 'items' and item_back or switch_back
  for i = 1, wanted do
    local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
    if walked > most or redis.sha1hex(table.concat(part)) ~= ARGV[4 + i] then
      break
    end
    if back(part, KEYS[4 + i]) then
      done = done + 1
    else
      lost = lost + 1
    end
  end
  if done + lost == 0 then
    return {0, 0, -1}
  end
  redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
end
if done > 0 and ARGV[4] ~= '' then
  redis.call('SADD', KEYS[4], ARGV[4])
end
redis.call('HINCRBY', KEYS[1], 'undone', done)
local remain = redis.call('LLEN', memory)
return {done, lost, ARGV[1] == 'list' and remain or remain / 4}
