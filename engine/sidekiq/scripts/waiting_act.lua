-- Take waiting jobs off a queue by their bytes, near where they were seen, and push what becomes of
-- them; or put other bytes in their places. No reader ever sees a queue in between.
--
-- include trail.inc.lua
--
-- KEYS[4] the queue's list   KEYS[5] queues   KEYS[6..] the queues pushed to
-- A place is how many jobs are to run before: the last item of the list has place 0. Newcomers
-- change no place.
-- After the trail's arguments, ARGV holds:
--   'drop'; 'back' to push to the back of a queue; 'front' to the front of the same one; 'edit'
--   a blank (a text that is no item)   how far from its place to look for a job
--   how often to look away from a place, for all jobs together   n
--   for each of the n jobs, the next one first, of 'front' last:
--     place   bytes   which of KEYS[6..] to push to (0: none)   other bytes
--   for each of KEYS[6..] the queue's name
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns {how many were done, {the numbers of those that were not found}, {the numbers of those
-- whose queue's key is not a list: they stay where they are}}.
-- Cost: O(n x distance to the nearer end of the list); looking around stops after 4 MiB, too.
local act, blank = ARGV[base + 1], ARGV[base + 2]
local reach, looks, n = tonumber(ARGV[base + 3]), tonumber(ARGV[base + 4]), tonumber(ARGV[base + 5])
local list = KEYS[4]
-- Before anything is taken: a script that fails half-way would leave blanks.
redis.call('LLEN', list)
redis.call('SISMEMBER', KEYS[5], '')
local is_open = {}
for target = 1, #KEYS - 5 do
  local kind = redis.call('TYPE', KEYS[5 + target]).ok
  is_open[target] = kind == 'list' or kind == 'none'
  need(act == 'front' and 'RPUSH' or 'LPUSH', KEYS[5 + target])
end
need('LTRIM LSET LREM', list)
if #KEYS > 5 then
  need('SADD', KEYS[5])
end
if refused then
  return refused
end
local budget = 4194304
-- What is away from its place is so by as much as the one before it: try that first.
local drift = 0
local function holds(place, bytes)
  if place < 0 then
    return false
  end
  local item = redis.call('LINDEX', list, -1 - place)
  looks = looks - 1
  budget = budget - (item and #item or 0)
  return item == bytes
end
local function locate(place, bytes)
  if holds(place + drift, bytes) then
    return place + drift
  end
  for step = 0, reach do
    for _, at in ipairs({place - step, place + step}) do
      if budget <= 0 or looks <= 0 then
        return nil
      end
      if holds(at, bytes) then
        drift = at - place
        return at
      end
    end
  end
  return nil
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('LTRIM', list, 0, -1)
local length = redis.call('LLEN', list)
local gone, barred, pushes, done, deepest = {}, {}, {}, 0, 0
for i = 1, n do
  local at = base + 4 * i + 2
  local place, bytes = tonumber(ARGV[at]), ARGV[at + 1]
  local target, other = tonumber(ARGV[at + 2]), ARGV[at + 3]
  local found = (target == 0 or is_open[target]) and locate(place, bytes)
  if found then
    redis.call('LSET', list, -1 - found, act == 'edit' and other or blank)
    deepest = math.max(deepest, found)
    if target > 0 then
      pushes[#pushes + 1] = {target, other}
    end
    -- Where it was when those before it had left; those that went to the front stand before it.
    local moved = act == 'edit' and 0 or act == 'front' and done or -done
    local key = act == 'edit' and list or target > 0 and KEYS[5 + target] or ''
    remember(act .. ' ' .. math.max(0, found + moved) .. ' ' .. list, bytes, key, other)
    done = done + 1
  elseif found == false then
    barred[#barred + 1] = i
  else
    gone[#gone + 1] = i
  end
end
if done > 0 and act ~= 'edit' then
  redis.call('LREM', list, deepest * 2 < length and -done or done, blank)
end
local made = {}
for _, push in ipairs(pushes) do
  local key, name = KEYS[5 + push[1]], ARGV[base + 5 + 4 * n + push[1]]
  if redis.call('SADD', KEYS[5], name) == 1 then
    made['made:' .. key] = name
  end
  if act == 'front' then
    redis.call('RPUSH', key, push[2])
  else
    redis.call('LPUSH', key, push[2])
  end
end
note('waiting', done)
if done > 0 and lifetime > 0 then
  for field, name in pairs(made) do
    redis.call('HSET', KEYS[2], field, name)
  end
end
return {done, gone, barred}
