-- Put jobs of a process that died back to the front of their queues, each exactly once however
-- often this is asked for.
--
-- include trail.inc.lua
--
-- KEYS[4] queues   KEYS[5] the ledger of what was put back   KEYS[6] the process's hash
-- KEYS[7..] for each job the queue that it goes to
-- After the trail's arguments, ARGV holds:
--   when the jobs were last seen in the hands of the process, in seconds by this server's clock
--   for how many seconds after that they may be put back   how long the ledger keeps an entry
--   for each job: its entry in the ledger   its queue's name   its bytes
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns for each job: 1 put back, 0 it was put back before, -1 the key of its queue is no list;
-- or, when nothing is done for any: -1 the process's hash exists, -2 they were seen too long ago.
-- Cost: O(jobs x log(entries of the ledger)).
local ledger = KEYS[5]
local seen, patience, kept_s = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
-- An error before anything is done, if these are of another kind.
redis.call('SISMEMBER', KEYS[4], '')
redis.call('ZCARD', ledger)
if redis.call('EXISTS', KEYS[6]) == 1 then
  return -1
end
local now = tonumber(redis.call('TIME')[1])
if now - seen > patience then
  return -2
end
need('ZREMRANGEBYSCORE ZADD EXPIRE', ledger)
need('SADD', KEYS[4])
local is_open = {}
for i = 7, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  is_open[i - 6] = kind == 'list' or kind == 'none'
  need('RPUSH', KEYS[i])
end
if refused then
  return refused
end
-- A write that needs no memory comes first: then a server out of memory lets the script go on.
redis.call('ZREMRANGEBYSCORE', ledger, '-inf', '(' .. now - kept_s)
local fates, done, made = {}, 0, {}
for i = 1, #KEYS - 6 do
  local entry, name, payload = ARGV[base + 3 * i + 1], ARGV[base + 3 * i + 2], ARGV[base + 3 * i + 3]
  if not is_open[i] then
    fates[i] = -1
  else
    fates[i] = redis.call('ZADD', ledger, 'NX', now, entry)
  end
  if fates[i] == 1 then
    local queue = KEYS[6 + i]
    if redis.call('SADD', KEYS[4], name) == 1 then
      made['made:' .. queue] = name
    end
    redis.call('RPUSH', queue, payload)
    remember(entry, payload, queue, '')
    done = done + 1
  end
end
if done > 0 then
  redis.call('EXPIRE', ledger, kept_s)
end
note('rescued', done)
if done > 0 and lifetime > 0 then
  for field, name in pairs(made) do
    redis.call('HSET', KEYS[2], field, name)
  end
end
return fates
