-- Read what tells whose the keys under one prefix are, Resque's or Sidekiq's.
--
-- KEYS[1] processes   KEYS[2..4] retry, schedule, dead   KEYS[5] failed
-- KEYS[6] workers     KEYS[7] delayed_queue_schedule
-- KEYS[8..7+d] counts of jobs by day
-- KEYS[8+d..7+d+p] hashes of Sidekiq's processes
-- KEYS[8+d+p..] queues
-- ARGV[1] d   ARGV[2] p   ARGV[3] longest item that is returned whole, in bytes
-- ARGV[4] after so many bytes of items no further queue is looked at; 0: no queue's items are read
-- Returns {
--   members of processes, at most 20,
--   {the first members of retry, schedule and dead},
--   the kind of failed, its first item,
--   whether there are workers, whether there are delayed jobs,
--   the number of the first of the days that has a count, 0 for none,
--   {the info of each process},
--   {for each queue that was looked at, one at least, its first and its last item},
--   why something could not be read, false when everything could}.
-- What is not there, or of another kind, is false. Of a longer item: {its beginning, its end, its
-- length}.
-- Cost: O(days + processes + queues), and the bytes of the items: some 4 ms a MiB; read-only.
local days, hashes = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest = tonumber(ARGV[3])
local most, seen = tonumber(ARGV[4]), 0
local refused = false
local function told(reply)
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then
      refused = reply.err
    end
    return false
  end
  return reply
end
local function cut(item)
  if type(item) ~= 'string' then
    return false
  end
  seen = seen + #item
  if #item <= longest then
    return item
  end
  return {string.sub(item, 1, 2048), string.sub(item, -2048), #item}
end
local function first_of(key)
  local found = told(redis.pcall('ZRANGE', key, 0, 0))
  return cut(found and found[1])
end
local function item_of(queue, place)
  return cut(told(redis.pcall('LINDEX', queue, place)))
end

local processes = told(redis.pcall('SRANDMEMBER', KEYS[1], 20)) or {}
local sets = {first_of(KEYS[2]), first_of(KEYS[3]), first_of(KEYS[4])}
local kind = told(redis.pcall('TYPE', KEYS[5]))
kind = kind and kind.ok or false
local failure = kind == 'zset' and first_of(KEYS[5]) or kind == 'list' and item_of(KEYS[5], 0)
local workers = told(redis.pcall('SCARD', KEYS[6])) or 0
local delayed = told(redis.pcall('ZCARD', KEYS[7])) or 0
local day = 0
for i = 1, days do
  if told(redis.pcall('EXISTS', KEYS[7 + i])) == 1 then
    day = i
    break
  end
end
local infos = {}
for i = 1, hashes do
  infos[i] = cut(told(redis.pcall('HGET', KEYS[7 + days + i], 'info')))
end
local items = {}
-- Of the queues' items only: the others come again with each call.
seen = 0
for i = 8 + days + hashes, #KEYS do
  if most > 0 and seen >= most then
    break
  end
  items[#items + 1] = most > 0 and item_of(KEYS[i], 0)
  items[#items + 1] = most > 0 and item_of(KEYS[i], -1)
end
return {processes, sets, kind, failure or false, workers, delayed, day, infos, items, refused}
