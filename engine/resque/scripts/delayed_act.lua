-- Take jobs out of one moment's list by their bytes, near where they were seen, and delete them,
-- put them onto their queues, or delay them until another moment.
--
-- include trail.inc.lua
-- include turned.inc.lua
-- include delaying.inc.lua
--
-- KEYS[4] the list   KEYS[5] all moments   KEYS[6] queues   KEYS[7] the state of the list's turn
-- KEYS[6+2i] the moments of job i   KEYS[7+2i] the list onto which it goes (KEYS[4]: none)
-- After the trail's arguments, ARGV holds:
--   the list's name inside values   the member in KEYS[5]   a blank (a text that is no item)
--   'drop', 'queue' or 'delay'
--   delay: the new list's name inside values   delay: the new member and moment (epoch)
--   where the jobs were counted: an item that was near the list's end then, if one is known; else ''
--   for each of the n jobs, best those further back first:
--     place from the head   bytes   queue: the queue's name   queue: what is pushed
--     whether an equal job stays in the list: 'no' of those that were counted, 'yes', or '' where
--     it is not known
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns for each job: 1 taken, 0 it was not there, -1 it stays because where it should go is no
-- list; nothing where another program turns the list. A list that is empty leaves KEYS[5] with it.
-- Cost: O(length of the list) when all are where they were seen and were counted, else
-- O(n x length); equal jobs are looked for among 1,000,000 places and one list at most.
local list, moments = KEYS[4], KEYS[5]
local name, member, blank = ARGV[base + 1], ARGV[base + 2], ARGV[base + 3]
local act, new_name, new_member = ARGV[base + 4], ARGV[base + 5], ARGV[base + 6]
local counted = ARGV[base + 7]
local turn = known_turn(list, KEYS[7])
if turn and turn.turned > 0 and turn.rest > 0 then
  return {}
end
-- Before anything is taken: a script that fails half-way would leave blanks.
redis.call('SISMEMBER', KEYS[6], '')
local score = redis.call('ZSCORE', moments, member) or '-'
need('LTRIM LSET LREM', list)
need('ZREM ZADD', moments)
for i = 9, #KEYS, 2 do
  if KEYS[i] ~= list then
    need('RPUSH', KEYS[i])
  end
end
if act == 'queue' then
  need('SADD', KEYS[6])
end
if refused then
  return refused
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('LTRIM', list, 0, -1)
local drift = 0
local function locate(place, bytes)
  if place + drift >= 0 and redis.call('LINDEX', list, place + drift) == bytes then
    return place + drift
  end
  local found = redis.call('LPOS', list, bytes)
  if found then
    drift = found - place
  end
  return found
end
local made = {}
-- Returns what is to be remembered of a new moment.
local function push(target, bytes, queue, payload, known_in)
  if act == 'delay' then
    return delay(bytes, target, new_member, new_name, moments, known_in)
  end
  if act == 'queue' then
    if redis.call('SADD', KEYS[6], queue) == 1 then
      made['made:' .. target] = queue
    end
    redis.call('RPUSH', target, payload)
  end
  return '-'
end
local length = redis.call('LLEN', list)
local taken, results = {}, {}
local lowest, highest = length, 0
for i = 1, (#KEYS - 7) / 2 do
  local at, target = base + 5 * i + 2, KEYS[7 + 2 * i]
  local bytes, payload = ARGV[at + 2], ARGV[at + 4]
  local kind = redis.call('TYPE', target).ok
  local found = (kind == 'list' or kind == 'none') and locate(tonumber(ARGV[at + 1]), bytes)
  if found then
    redis.call('LSET', list, found, blank)
    local new = push(target, bytes, ARGV[at + 3], payload, KEYS[6 + 2 * i])
    -- Where it was when those before it had left.
    local place = found
    if found > lowest then
      for _, other in ipairs(taken) do
        place = other < found and place - 1 or place
      end
    end
    lowest, highest = math.min(lowest, found), math.max(highest, found)
    taken[#taken + 1] = found
    local where = place .. ' ' .. score .. ' ' .. new .. ' ' .. member
    remember(where, bytes, act == 'drop' and '' or target, payload)
    results[i] = 1
  else
    results[i] = (kind == 'list' or kind == 'none') and 0 or -1
  end
end
if #taken == 0 then
  return results
end
redis.call('LREM', list, length - lowest < highest and -#taken or #taken, blank)
-- What came since the jobs were counted is behind what was there then: an item that stays, and what
-- was taken here. Only an undo puts jobs between the others.
local since = not redis.pcall('HGET', KEYS[2], 'undone') and lowest
if since and counted ~= '' then
  local stayed = redis.call('LPOS', list, counted)
  since = stayed and math.max(since, stayed)
end
length = redis.call('LLEN', list)
local newest = since and math.max(1, length - since) or length
local room = 1000000
-- Whether an equal job is left. Where much was looked through already it is taken to be: a moment too
-- many does no harm.
local function is_left(bytes, stays)
  if stays == 'yes' or room <= 0 then
    return true
  end
  local most = stays == 'no' and newest or length
  room = room - most
  return redis.call('LPOS', list, bytes, 'MAXLEN', most, 'RANK', -1)
end
for i, result in ipairs(results) do
  if result == 1 then
    if not is_left(ARGV[base + 5 * i + 4], ARGV[base + 5 * i + 7]) then
      redis.pcall('SREM', KEYS[6 + 2 * i], name)
    end
  end
end
if redis.call('EXISTS', list) == 0 then
  redis.call('ZREM', moments, member)
end
note('delayed', #taken)
if lifetime > 0 then
  for field, queue in pairs(made) do
    redis.call('HSET', KEYS[2], field, queue)
  end
end
return results
