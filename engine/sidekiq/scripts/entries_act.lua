-- Take entries out of a sorted set by their bytes, each only if it is still there, and put what
-- becomes of them where it belongs. Entries of the same score are not touched, and no reader sees
-- a job in no place or in two.
--
-- include trail.inc.lua
--
-- KEYS[4] the sorted set   KEYS[5] queues
-- KEYS[6] the set that they are put in (KEYS[4] where it is the same one, or none)
-- KEYS[7..] the queues pushed to
-- After the trail's arguments, ARGV holds:
--   'drop'; 'push' to the back of a queue; 'put' into KEYS[6] at a score; 'change' to other bytes
--   that score, or '-'   n, at most 1,000
--   for each of the n entries: bytes   which of KEYS[7..] to push to (0: none)   other bytes, or ''
--   for each of KEYS[7..] the queue's name
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns for each entry: 1 done, 0 it was not there, -1 it stays because its queue's key is no list,
-- -2 it stays because where it should go there is an equal one.
-- Cost: O(n x log(length of the sets)).
local set, to = KEYS[4], KEYS[6]
local act, new, n = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 3])
-- Errors before anything is done, if these are of another kind.
redis.call('ZCARD', set)
redis.call('ZCARD', to)
redis.call('SISMEMBER', KEYS[5], '')
local is_open = {}
for target = 1, #KEYS - 6 do
  local kind = redis.call('TYPE', KEYS[6 + target]).ok
  is_open[target] = kind == 'list' or kind == 'none'
  need('LPUSH', KEYS[6 + target])
end
need('ZREM ZREMRANGEBYRANK', set)
if #KEYS > 6 then
  need('SADD', KEYS[5])
end
if act == 'put' or act == 'change' then
  need('ZADD', to)
end
if refused then
  return refused
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('ZREMRANGEBYRANK', set, 1, 0)
-- What is done with the entries that are there: removed, then put into a set or pushed to lists.
local left, put, pushed = {}, {}, {}
local kept, taken = {}, {}
local function keep(bytes, score, key, other)
  kept[#kept + 1] = act .. ' ' .. score .. ' ' .. new .. ' ' .. set
  kept[#kept + 1] = bytes
  kept[#kept + 1] = key
  kept[#kept + 1] = other
end
local ways = {}
-- Each returns what becomes of an entry, and the key that it goes to.
function ways.drop()
  return 1, ''
end
function ways.push(_, _, target, payload)
  if not is_open[target] then
    return -1
  end
  local list = pushed[target] or {}
  pushed[target] = list
  list[#list + 1] = payload
  return 1, KEYS[6 + target]
end
function ways.put(bytes)
  if to ~= set and redis.call('ZSCORE', to, bytes) then
    return -2
  end
  put[#put + 1] = new
  put[#put + 1] = bytes
  return 1, to
end
function ways.change(_, score, _, other)
  if taken[other] or redis.call('ZSCORE', set, other) then
    return -2
  end
  taken[other] = true
  put[#put + 1] = score
  put[#put + 1] = other
  return 1, set
end
local results = {}
for i = 1, n do
  local at = base + 3 * i + 1
  local bytes, other = ARGV[at], ARGV[at + 2]
  local score = redis.call('ZSCORE', set, bytes)
  local result, key = 0, nil
  if score then
    result, key = ways[act](bytes, score, tonumber(ARGV[at + 1]), other)
  end
  if result == 1 then
    left[#left + 1] = bytes
    keep(bytes, score, key, other)
  end
  results[i] = result
end
if #left == 0 then
  return results
end
if act ~= 'put' or to ~= set then
  redis.call('ZREM', set, unpack(left))
end
if #put > 0 then
  redis.call('ZADD', to, unpack(put))
end
local made = {}
for target, payloads in pairs(pushed) do
  local key, name = KEYS[6 + target], ARGV[base + 3 + 3 * n + target]
  if redis.call('SADD', KEYS[5], name) == 1 then
    made['made:' .. key] = name
  end
  redis.call('LPUSH', key, unpack(payloads))
end
remember(unpack(kept))
note('entries', #left)
if lifetime > 0 then
  for field, name in pairs(made) do
    redis.call('HSET', KEYS[2], field, name)
  end
end
return results
