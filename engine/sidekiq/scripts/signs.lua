-- Read what tells whether Sidekiq lives under one namespace, and whether Resque does.
--
-- include ends.inc.lua
--
-- KEYS[1] processes   KEYS[2..4] retry, schedule, dead   KEYS[5] failed   KEYS[6] queues
-- KEYS[7] Resque's workers   KEYS[8] Resque's delayed jobs   KEYS[9..] counts of jobs by day
-- ARGV[1] most members of a set that are returned   ARGV[2] longest job that is returned whole
-- Returns {members of processes, {the first members of retry, schedule and dead}, the kind of
-- failed, its first job, names of queues, whether there are workers, whether there are delayed
-- jobs, the place of the first of the days that has a count, 0 for none, why something could not be
-- read, false when everything could}. What is not there, or of another kind, is false; a longer
-- job comes as ends.inc.lua says. Cost: O(ARGV[1] + days), and the bytes of five jobs; read-only.
local most, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
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
local function cut(job)
  return job and ends_of(job, longest)
end
local function first_of(key)
  local found = told(redis.pcall('ZRANGE', key, 0, 0))
  return cut(found and found[1] or false)
end
local kind = told(redis.pcall('TYPE', KEYS[5]))
kind = kind and kind.ok or false
local failure = false
if kind == 'zset' then
  failure = first_of(KEYS[5])
elseif kind == 'list' then
  failure = cut(told(redis.pcall('LINDEX', KEYS[5], 0)))
end
local day = 0
for i = 9, #KEYS do
  if told(redis.pcall('EXISTS', KEYS[i])) == 1 then
    day = i - 8
    break
  end
end
return {
  told(redis.pcall('SRANDMEMBER', KEYS[1], most)) or {},
  {first_of(KEYS[2]), first_of(KEYS[3]), first_of(KEYS[4])},
  kind,
  failure,
  told(redis.pcall('SRANDMEMBER', KEYS[6], most)) or {},
  told(redis.pcall('SCARD', KEYS[7])) or 0,
  told(redis.pcall('ZCARD', KEYS[8])) or 0,
  day,
  refused,
}
