-- Included by scripts that delay jobs until another moment.
--
-- No KEYS and no ARGV of its own. Cost: O(log moments).

-- Put a job onto a list, and let the job be known to be delayed until a moment, under a name. Returns
-- what an undo is to know: the moment, `@`, and the job's place there if it was not known before.
local function delay(job, onto, moment, name, moments, known_in)
  redis.call('ZADD', moments, moment, moment)
  local length = redis.call('RPUSH', onto, job)
  -- What a job's moments are is for Ruby's searches only: not for this should an act fail.
  local is_new = redis.pcall('SADD', known_in, name) == 1
  return moment .. '@' .. (is_new and length - 1 or '')
end
