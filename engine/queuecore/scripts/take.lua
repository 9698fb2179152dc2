-- Take items off a list by their bytes, near where they were seen, and push onto queues what
-- becomes of them, or put it in their places. No reader ever sees a list in between.
--
-- include trail.inc.lua
--
-- KEYS[4] the list   KEYS[5] queues   KEYS[6..] the queues pushed to
-- A place is how many items are to be taken by others before: newcomers change none.
-- After the trail's arguments, ARGV holds:
--   the end at which newcomers arrive, of all lists: tail or head
--   a blank (a text that is no item)   how far from its place to look for an item
--   how often to look away from a place, for all items together   n
--   for each of the n items, in the order of their places:
--     place   bytes   which of KEYS[6..] to push to (0: none; -1: its own place)   other bytes
--   for each of KEYS[6..] the queue's name
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns {how many were taken, {the numbers of those that were not found}, {the numbers of those
-- whose queue's key is not a list: they stay where they are}}.
-- Cost: O(n x distance to the nearer end of the list); looking around stops after 4 MiB, too.
local is_head, blank, reach = ARGV[base + 1] == 'head', ARGV[base + 2], tonumber(ARGV[base + 3])
local looks, n = tonumber(ARGV[base + 4]), tonumber(ARGV[base + 5])
local function index_of(place)
  return is_head and -1 - place or place
end
local list = KEYS[4]
-- Before anything is taken: a script that fails half-way would leave blanks.
redis.call('SISMEMBER', KEYS[5], '')
local is_open = {[-1] = true}
for target = 1, #KEYS - 5 do
  local kind = redis.call('TYPE', KEYS[5 + target]).ok
  is_open[target] = kind == 'list' or kind == 'none'
  need(is_head and 'LPUSH' or 'RPUSH', KEYS[5 + target])
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
  local item = redis.call('LINDEX', list, index_of(place))
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
local gone, barred, done, blanks, lowest = {}, {}, 0, 0, length
local made = {}
for i = 1, n do
  local at = base + 4 * i + 2
  local place, bytes = tonumber(ARGV[at]), ARGV[at + 1]
  local target, payload = tonumber(ARGV[at + 2]), ARGV[at + 3]
  local found = (target == 0 or is_open[target]) and locate(place, bytes)
  if found then
    local is_edit = target < 0
    redis.call('LSET', list, index_of(found), is_edit and payload or blank)
    lowest = math.min(lowest, found)
    if target > 0 then
      local name = ARGV[base + 5 + 4 * n + target]
      if redis.call('SADD', KEYS[5], name) == 1 then
        made['made:' .. KEYS[5 + target]] = name
      end
      if is_head then
        redis.call('LPUSH', KEYS[5 + target], payload)
      else
        redis.call('RPUSH', KEYS[5 + target], payload)
      end
    end
    -- Where it was when those before it had left.
    local place_then = string.format('%d', math.max(0, found - blanks))
    local where = is_edit and place_then .. ' edit' or place_then
    remember(where, bytes, target > 0 and KEYS[5 + target] or '', payload)
    done, blanks = done + 1, blanks + (is_edit and 0 or 1)
  elseif found == false then
    barred[#barred + 1] = i
  else
    gone[#gone + 1] = i
  end
end
if blanks > 0 then
  -- From the nearer end.
  redis.call('LREM', list, (lowest * 2 > length) == is_head and blanks or -blanks, blank)
end
if done > 0 then
  note(is_head and 'waiting' or 'items', done)
  if lifetime > 0 then
    for field, name in pairs(made) do
      redis.call('HSET', KEYS[2], field, name)
    end
  end
end
return {done, gone, barred}
