-- Take back a part of what an operator did to processes, rescued jobs, totals, iterable jobs, or
-- the set of queues. What is taken back leaves the operation's memory in the same step, so
-- nothing is ever restored twice.
--
-- include trail.inc.lua
-- include pushed.inc.lua
--
-- KEYS[4] the operation's hash   KEYS[5] what it removed   KEYS[6] queues
-- KEYS[7] the ledger of rescued jobs   KEYS[8..] for each part, in the order of ARGV, its third text
-- After the trail's arguments (they are of the undo itself), ARGV holds:
--   the shape of the memory: signals, rescued, totals, cancelled or names
--   the SHA-1 of each part's four texts joined, last first. These texts are:
--     signals: the signal, '', the list, ''      rescued: entry of the ledger, bytes, the queue, ''
--     totals: what it was, '', the total, ''     cancelled: the moment, SHA-1 of the state, its key, ''
--     names: the queue's name, '', queues, ''
-- Returns {how many were taken back, how many can not be any more, how many remain}. What can not:
-- a signal that was read, a rescued job that was taken, a total that is no number any more, a
-- cancellation that the job may have read.
-- Returns {0, 0, -1} when the memory is not as expected.
-- Cost: O(parts, for rescued jobs x distance to their queue's end), but after one
-- part no more than about 250,000 places are walked over.
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {0, 0, -1}
end
local memory, queues, ledger = KEYS[5], KEYS[6], KEYS[7]
local shape = ARGV[base + 1]
local writes = {
  signals = 'LREM', rescued = 'LREM', totals = 'INCRBY', cancelled = 'HDEL', names = 'SADD',
}
need('LTRIM', memory)
for i = 8, #KEYS do
  need(writes[shape], KEYS[i])
end
if shape == 'rescued' then
  redis.call('ZCARD', ledger) -- an error before anything is done, if it is no sorted set
  need('ZREM', ledger)
  find_made(KEYS[4], 8, 1)
  if next(made) then
    redis.call('SISMEMBER', queues, '')
    need('SREM', queues)
    need('HDEL', KEYS[4])
  end
end
if refused then
  return refused
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('LTRIM', memory, 0, -1)
local back = {}
function back.signals(part, key)
  return redis.pcall('LREM', key, 1, part[1]) == 1
end
function back.rescued(part, key)
  if not take_off(key, part[2]) then
    return false
  end
  redis.call('ZREM', ledger, part[1])
  return true
end
function back.totals(part, key)
  return type(redis.pcall('INCRBY', key, part[1])) == 'number'
end
function back.cancelled(part, key)
  local state = redis.pcall('HMGET', key, 'c', 'ex', 'rt', 'cancelled')
  if state.err or state[4] ~= part[1] then
    return false
  end
  local now = table.concat({state[1] or '', state[2] or '', state[3] or ''}, ' ')
  return redis.sha1hex(now) == part[2] and redis.call('HDEL', key, 'cancelled') == 1
end
function back.names(part, key)
  return redis.pcall('SADD', key, part[1]) == 1
end
local done, lost = 0, 0
for i = 1, #KEYS - 7 do
  local part = redis.call('LRANGE', memory, -4 * i, -4 * i + 3)
  if walked > 250000 or redis.sha1hex(table.concat(part)) ~= ARGV[base + 1 + i] then
    break
  end
  -- To check and to put back takes its time as well.
  walked = walked + 1000 + #part[2] / 5
  if back[shape](part, KEYS[7 + i]) then
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
  forget_made(KEYS[4], queues)
end
redis.call('HINCRBY', KEYS[4], 'undone', done)
note('undo', done)
return {done, lost, redis.call('LLEN', memory) / 4}
