-- Close the job a worker has finished and take its next one, in one step, so that a job is at
-- every instant in a queue, in its worker's record, done, or failed.
--
-- include rights.inc.lua
-- include claim.inc.lua
--
-- KEYS[1] the worker's record         KEYS[2] stat:processed   KEYS[3] the worker's processed
-- KEYS[4] the list of failures        KEYS[5] stat:failed      KEYS[6] the worker's failed
-- KEYS[7] pause-all-workers           KEYS[8] pause:all
-- KEYS[9] failed_queues               KEYS[10] the worker's claim to its id
-- KEYS[11] workers                    KEYS[12] workers:heartbeat
-- KEYS[13..] for each queue, in order: the queue, its pause, its unreadable items
--
-- ARGV[1] closes: '' nothing to close, else the worker's processed count before this call
--         (a call repeated because its answer was lost finds the count one higher, and
--         closes nothing twice)
-- ARGV[2] the failure entry to record, or '' (none, or one that is kept elsewhere)
-- ARGV[3] '1' when a failure counts in the totals (a dirty exit does not, as in Ruby)
-- ARGV[4] the name of KEYS[4] for the set of failed queues, or '' (one list for all)
-- ARGV[5] '1' to take a job
-- ARGV[6] run_at for the record
-- ARGV[7] the worker's token   ARGV[8] its id
-- ARGV[9..] for each queue its name as JSON text
--
-- Returns {processed count of the worker, state, ...} where state is
--   'lost'                      this worker has no claim to the id any more: nothing is done
--   'shared'                    a record of a process without a claim is there: none is taken
--   'none'                      asked to take nothing
--   'paused'                    everything is paused
--   'empty', {paused indices}, {foreign indices}
--                               no job; which of the queues are paused (1-based), which foreign
--   'job', record, set aside, {foreign indices}
--                               the record as written; how many unreadable items were set aside
-- Items that are not JSON objects are moved to the queue's list of unreadable items. A queue is
-- foreign whose next item is a job of Sidekiq's: it has a jid. It is left as it is.
-- A worker that was taken off the register is put back when it takes a job: what it holds is to
-- be found.
-- Cost: O(queues), one write set; some 0.5 ms for a thousand empty queues. Items over
-- 1 MiB are not parsed here: the worker reads them.
-- In one command, because each costs 1 to 2 us. Of another type: as if it were not there.
local read = redis.call('MGET', KEYS[3], KEYS[10], KEYS[7])
local processed, claim, pause_all = tonumber(read[1]) or 0, read[2], read[3]
if not bears(claim, ARGV[7]) then
  return {processed, 'lost'}
end
local is_free = false
if ARGV[1] ~= '' and processed ~= tonumber(ARGV[1]) + 1 then
  if ARGV[2] ~= '' then
    -- An error before anything is done, if these are of another kind: the record still has the job.
    redis.call('LLEN', KEYS[4])
    need('DEL', KEYS[1])
    need('RPUSH', KEYS[4])
    if ARGV[4] ~= '' then
      redis.call('SISMEMBER', KEYS[9], ARGV[4])
      need('SADD', KEYS[9])
    end
    if refused then
      return refused
    end
  end
  -- DEL first: a server out of memory refuses a script's first write only if it needs memory.
  -- Not the record of one who bears this id without a claim.
  local beginning = redis.pcall('GETRANGE', KEYS[1], 0, 4095)
  if type(beginning) ~= 'string' or beginning == '' or wrote(claim, beginning) then
    redis.call('DEL', KEYS[1])
    is_free = true
  end
  if ARGV[2] ~= '' then
    if ARGV[4] ~= '' then
      redis.call('SADD', KEYS[9], ARGV[4])
    end
    redis.call('RPUSH', KEYS[4], ARGV[2])
  end
  -- A count that is no number is not worth recording the same failure again and again.
  if ARGV[3] == '1' then
    redis.pcall('INCRBY', KEYS[5], 1)
    redis.pcall('INCRBY', KEYS[6], 1)
  end
  redis.pcall('INCRBY', KEYS[2], 1)
  -- Set, not increased: a worker that pruned this one took its count away, and a repeated call
  -- must find what it expects.
  processed = tonumber(ARGV[1]) + 1
  redis.call('SET', KEYS[3], processed)
end
if ARGV[5] ~= '1' then
  return {processed, 'none'}
end
local held = not is_free and redis.call('GET', KEYS[1])
if held then
  if wrote(claim, held) then
    return {processed, 'job', held, 0, {}}
  end
  return {processed, 'shared'}
end
if pause_all and string.match(string.lower(pause_all), '^%s*true%s*$') then
  return {processed, 'paused'}
end
local queues = (#KEYS - 12) / 3
-- Many queues are mostly empty: one look passes over as many of them as have no key at all.
local stride = 50
-- Mostly nothing is paused: one look tells it of the first queues, which come up each time.
local pauses = {KEYS[8]}
for i = 1, math.min(queues, stride) do
  pauses[i + 1] = KEYS[11 + i * 3]
end
local unpaused = 0
if redis.call('EXISTS', unpack(pauses)) == 0 then
  unpaused = #pauses - 1
elseif redis.call('EXISTS', KEYS[8]) == 1 then
  return {processed, 'paused'}
end
local function is_object(item)
  if not string.find(item, '^%s*{') then
    return false
  end
  return #item > 1048576 or pcall(cjson.decode, item)
end
-- 24 hexadecimal digits, as Sidekiq writes it, or a UUID, as exq does.
local function has_jid(item)
  if #item > 1048576 or not string.find(item, '"jid"', 1, true) then
    return false
  end
  local is_json, job = pcall(cjson.decode, item)
  local jid = is_json and type(job) == 'table' and job.jid
  if type(jid) ~= 'string' then
    return false
  end
  return #jid == 24 and not string.find(jid, '[^0-9a-f]')
    or #jid == 36 and string.find(jid, '^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$') == 1
end
local failing
local foreign = {}
-- Back to where it was just taken from: cheaper than to look before each take. Who may not push
-- there takes it, rather than lose it.
local function went_back(queue, item)
  if redis.acl_check_cmd and not redis.acl_check_cmd('LPUSH', queue) then
    return false
  end
  return type(redis.pcall('LPUSH', queue, item)) == 'number'
end
local function pop(queue, i)
  local item = redis.pcall('LPOP', queue)
  if type(item) == 'string' and has_jid(item) and went_back(queue, item) then
    foreign[#foreign + 1] = i
    return false
  end
  -- A key of another type must not keep the worker from its other queues. Of whatever else the
  -- server refuses (it has become a replica, it cannot save) the worker must hear.
  if type(item) == 'table' and item.err and not string.find(item.err, 'WRONGTYPE', 1, true) then
    failing = item
  end
  return type(item) == 'string' and item
end
local paused = {}
local aside = 0
local function is_bare(i)
  local first = 10 + i * 3
  local last = math.min(first + stride * 3 - 1, #KEYS)
  return redis.call('EXISTS', unpack(KEYS, first, last)) == 0
end
local i = 1
while i <= queues do
  local at = 10 + i * 3
  if queues > stride and i % stride == 1 and is_bare(i) then
    i = i + stride - 1
  elseif i > unpaused and redis.call('EXISTS', KEYS[at + 1]) == 1 then
    paused[#paused + 1] = i
  else
    local item = pop(KEYS[at], i)
    while item do
      if is_object(item) then
        local record = '{"queue":' .. ARGV[8 + i] .. ',"run_at":"' .. ARGV[6] .. '","payload":' .. item .. '}'
        redis.call('SET', KEYS[1], record)
        redis.call('SETRANGE', KEYS[10], 33, mark_of(record))
        if redis.pcall('SADD', KEYS[11], ARGV[8]) == 1 then
          -- A sign of life, too: one without any is never taken for dead.
          local now = string.gsub(ARGV[6], 'Z$', '+00:00')
          redis.pcall('HSETNX', KEYS[12], ARGV[8], now)
        end
        return {processed, 'job', record, aside, foreign}
      end
      local kept = redis.pcall('RPUSH', KEYS[at + 2], item)
      if type(kept) == 'table' and kept.err then
        redis.call('LPUSH', KEYS[at], item)
        return kept
      end
      aside = aside + 1
      item = aside < 100 and pop(KEYS[at], i)
    end
    if failing then
      return failing
    end
  end
  i = i + 1
end
return {processed, 'empty', paused, foreign}
