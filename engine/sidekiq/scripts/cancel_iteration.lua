-- Ask an iterable job to end, as Sidekiq's own API does: it reads that when it next writes its
-- state. Only where there is a state with a cursor: without one its next start would fail.
--
-- include trail.inc.lua
--
-- KEYS[4] the state of the job
-- After the trail's arguments, ARGV holds how long a state without a lifetime is kept, in seconds.
-- Returns 1 when it is asked now, 2 when it was before, 0 without a state, -1 without a cursor.
-- Cost: O(size of the cursor).
local state = KEYS[4]
local cursor, runs, ran_s, before = unpack(redis.call('HMGET', state, 'c', 'ex', 'rt', 'cancelled'))
if redis.call('EXISTS', state) == 0 then
  return 0
end
if not cursor or cursor == '' then
  return -1
end
if before then
  return 2
end
need('HSETNX EXPIRE', state)
if refused then
  return refused
end
local now = redis.call('TIME')[1]
redis.call('HSETNX', state, 'cancelled', now)
if redis.call('PTTL', state) < 0 then
  redis.call('EXPIRE', state, ARGV[base + 1])
end
-- The job writes its state and reads the flag in one step: as long as the state is the same, the
-- flag was not read.
remember(now, redis.sha1hex(table.concat({cursor, runs or '', ran_s or ''}, ' ')), state, '')
note('cancelled', 1)
return 1
