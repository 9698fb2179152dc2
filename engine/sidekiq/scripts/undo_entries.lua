-- Take back a part of what an operator did to entries of a set: what was pushed or put elsewhere is
-- removed there, and what was removed is back at its score. What is taken back leaves the operation's
-- memory in the same step, so nothing is ever restored twice.
--
-- include trail.inc.lua
-- include pushed.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] queues
-- KEYS[7..] the sets that it was removed from, then where else it was pushed to or put in
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   how many parts at most, from the end of the memory   how many of KEYS[7..] are of the first kind
-- A part is of four texts: '<act> <score> <new score> <set>', bytes, the key that it went to, other
-- bytes.
-- Returns {how many were taken back, how many can not be any more, how many remain}. A part can not be
-- when a worker took what was pushed, when what was put elsewhere left, or when an equal entry is in
-- the set by now; it stays as it is. It ends before a part of other keys than
-- KEYS[7..]: another undo has been there. Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts x log(length of the set) + distance of what was pushed to where it was pushed), but
-- after one part no more than about 250,000 places are walked over (16 ns each).
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local memory, wanted = KEYS[5], tonumber(ARGV[base + 1])
-- Errors before anything is done, if these are of another kind.
redis.call('SISMEMBER', KEYS[6], '')
need('LTRIM', memory)
local is_known, is_source = {[''] = true}, {}
for i = 7, #KEYS do
  local key = KEYS[i]
  is_known[key] = true
  if i > 6 + tonumber(ARGV[base + 2]) then
    need(redis.call('TYPE', key).ok == 'zset' and 'ZREM' or 'LREM', key)
  else
    is_source[key] = true
    redis.call('ZCARD', key)
    need('ZADD ZREM', key)
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
-- What the first text says, and the others.
local function put_back(act, score, new, source, bytes, key, other)
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
local done, lost = 0, 0
for i = 1, wanted do
  local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
  local act, at, new, source = string.match(part[1] or '', '^(%a+) (%S+) (%S+) (.*)$')
  local is_ours = not act or is_source[source] and is_known[part[3]]
  if walked > 250000 or #part < 4 or not is_ours then
    break
  end
  -- To copy it takes its time as well.
  walked = walked + 800 + (#part[2] + #part[4]) / 6
  if act and put_back(act, at, new, source, part[2], part[3], part[4]) then
    done = done + 1
  else
    lost = lost + 1
  end
end
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
