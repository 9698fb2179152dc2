-- Read the jobs of a set that may have failed last, without carrying huge ones over the wire. Nothing
-- is returned twice that was returned at the poll before.
--
-- include ends.inc.lua
--
-- KEYS[1] the set
-- ARGV[1] how many are wanted   ARGV[2] longest job that is returned whole, in bytes
-- ARGV[3] the print of all as it was returned at the poll before, or ''
-- ARGV[4] 1: the set is in the order of the next try, so that those are looked for that can have
-- failed a moment ago; 0: in the order of failures
-- Returns {print}, and, unless the print is as it was, {score, job, SHA-1 of a job that comes cut or
-- false, ...}. A longer job comes as ends.inc.lua says. Jobs are compared by their scores, lengths
-- and both ends. After 3 MiB of jobs no more are read, for each reading copies them.
-- Cost: O(ARGV[1] x log jobs), and the bytes, 4 ms for 500 jobs of 1 KiB; read-only.
local most, longest, left = tonumber(ARGV[1]), tonumber(ARGV[2]), 3145728
local found, marks, long = {}, {}, {}
local function take(job, score)
  local is_long = #job > longest
  left = left - #job
  found[#found + 1] = score
  found[#found + 1] = ends_of(job, longest)
  found[#found + 1] = false
  if is_long then
    long[#found] = job
  end
  marks[#marks + 1] = score .. ' ' .. #job
  marks[#marks + 1] = #job <= 256 and job or string.sub(job, 1, 128) .. string.sub(job, -128)
end
-- The highest jobs between two scores, at most `count`: a few at once while they are short.
local function read(bound, above, count)
  local skip, at_once = 0, 1
  while skip < count and left > 0 do
    local before = left
    local jobs = redis.call('ZREVRANGEBYSCORE', KEYS[1], bound, above,
      'WITHSCORES', 'LIMIT', skip, math.min(at_once, count - skip))
    if #jobs == 0 then
      return
    end
    for i = 1, #jobs, 2 do
      take(jobs[i], jobs[i + 1])
    end
    skip = skip + #jobs / 2
    at_once = (before - left) / #jobs < 4096 and math.min(2 * at_once, 128) or 1
  end
end
if ARGV[4] == '0' or redis.call('ZCARD', KEYS[1]) <= most then
  read('+inf', '-inf', most)
else
  -- What fails for the n-th time now is tried again in (n - 1)^4 + 15 s and up to 10 s more for each
  -- time (source: Sidekiq's job_retry.rb): the highest below that failed last.
  local now, above = tonumber(redis.call('TIME')[1]) + 1, '-inf'
  for count = 0, 24 do
    local bound = string.format('%.0f', now + count ^ 4 + 15 + 10 * (count + 1))
    read(count < 24 and bound or '+inf', above, math.ceil(count == 0 and most or most / 25))
    above = '(' .. bound
  end
end
local print = redis.sha1hex(table.concat(marks, '\n'))
if print == ARGV[3] then
  return {print}
end
for at, job in pairs(long) do
  found[at] = redis.sha1hex(job)
end
return {print, found}
