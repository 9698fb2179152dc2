-- Read the jobs that may have failed last, without carrying huge ones over the wire: those that
-- died last, and of those that are tried again, which are in the order of their next try, those that
-- can have failed a moment ago. Nothing is returned twice that was returned at the poll before.
--
-- include ends.inc.lua
--
-- KEYS[1] retry   KEYS[2] dead
-- ARGV[1] how many are wanted   ARGV[2] longest job that is returned whole, in bytes
-- ARGV[3] the print of all as it was returned at the poll before, or ''
-- Returns {print}, and, unless the print is as it was, {set by its place in KEYS, score, job, SHA-1
-- of a job that comes cut or false, ...}. A longer job comes as ends.inc.lua says. Of a set that
-- cannot be read there is none. Jobs are compared by their scores, lengths and both ends.
-- After 8 MiB of jobs, a cut one counting four times for its SHA-1, no more are read.
-- Cost: O(ARGV[1] x log jobs), and the bytes; read-only.
local most, longest, left = tonumber(ARGV[1]), tonumber(ARGV[2]), 8388608
local found, marks = {}, {}
local function take(which, job, score)
  local is_long = #job > longest
  left = left - (is_long and 4 or 1) * #job
  found[#found + 1] = which
  found[#found + 1] = score
  found[#found + 1] = ends_of(job, longest)
  found[#found + 1] = is_long and redis.sha1hex(job)
  marks[#marks + 1] = which .. ' ' .. score .. ' ' .. #job
  marks[#marks + 1] = #job <= 256 and job or string.sub(job, 1, 128) .. string.sub(job, -128)
end
-- The highest jobs of a set between two scores, at most `count`: a few at once while they are short.
local function read(which, bound, above, count)
  local skip, at_once = 0, 1
  while skip < count and left > 0 do
    local before = left
    local pairs_of = redis.call('ZREVRANGEBYSCORE', KEYS[which], bound, above,
      'WITHSCORES', 'LIMIT', skip, math.min(at_once, count - skip))
    for i = 1, #pairs_of, 2 do
      take(which, pairs_of[i], pairs_of[i + 1])
    end
    if #pairs_of == 0 then
      return
    end
    skip = skip + #pairs_of / 2
    at_once = (before - left) / #pairs_of < 4096 and math.min(2 * at_once, 128) or 1
  end
end
local function count_of(key)
  local count = redis.pcall('ZCARD', key)
  return type(count) == 'number' and count or 0
end
read(2, '+inf', '-inf', math.min(most, count_of(KEYS[2])))
local retries = count_of(KEYS[1])
if retries <= most then
  read(1, '+inf', '-inf', retries)
else
  -- What fails for the n-th time now is tried again in (n - 1)^4 + 15 s and up to 10 s more for each
  -- time (source: Sidekiq's job_retry.rb): the highest below that failed last.
  local now, above = tonumber(redis.call('TIME')[1]) + 1, '-inf'
  for count = 0, 24 do
    local bound = string.format('%.0f', now + count ^ 4 + 15 + 10 * (count + 1))
    read(1, count < 24 and bound or '+inf', above, math.ceil(count == 0 and most or most / 25))
    above = '(' .. bound
  end
end
local print = redis.sha1hex(table.concat(marks, '\n'))
if print == ARGV[3] then
  return {print}
end
return {print, found}
