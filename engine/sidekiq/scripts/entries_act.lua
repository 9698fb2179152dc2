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
--   that score, or '-'   n
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
local made = {}
local ways = {}
-- Each returns what became of an entry, and where to: a key.
function ways.drop(bytes)
  return redis.call('ZREM', set, bytes), ''
end
function ways.push(bytes, _, target, payload)
  if not is_open[target] then
    return -1
  end
  redis.call('ZREM', set, bytes)
  local key, name = KEYS[6 + target], ARGV[base + 3 + 3 * n + target]
  if redis.call('SADD', KEYS[5], name) == 1 then
    made['made:' .. key] = name
  end
  redis.call('LPUSH', key, payload)
  return 1, key
end
function ways.put(bytes)
  if to ~= set then
    if redis.call('ZSCORE', to, bytes) then
      return -2
    end
    redis.call('ZREM', set, bytes)
  end
  redis.call('ZADD', to, new, bytes)
  return 1, to
end
function ways.change(bytes, score, _, other)
  if redis.call('ZSCORE', set, other) then
    return -2
  end
  redis.call('ZREM', set, bytes)
  redis.call('ZADD', set, score, other)
  return 1, set
end
local results, done = {}, 0
for i = 1, n do
  local at = base + 3 * i + 1
  local bytes, target, other = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
  local score = redis.call('ZSCORE', set, bytes)
  local result, key = 0, nil
  if score then
    result, key = ways[act](bytes, score, target, other)
  end
  if result == 1 then
    remember(act .. ' ' .. score .. ' ' .. new .. ' ' .. set, bytes, key, other)
    done = done + 1
  end
  results[i] = result
end
note('entries', done)
if lifetime > 0 then
  for field, name in pairs(made) do
    redis.call('HSET', KEYS[2], field, name)
  end
end
return results
