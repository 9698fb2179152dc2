-- Included by scripts that take back what was done to delayed jobs: after pushed.inc.lua. A job's four
-- texts are: `<place> <score> <new moment> <moment>` ('-' for none), its bytes, the key it was pushed
-- to, and what was pushed. After the new moment `@` follows, and the job's place there if it was not
-- known to be delayed until then before; older records have only the moment.
--
-- No KEYS and no ARGV of its own. Cost: as pushed.inc.lua, and O(newcomers of the new moment); of older
-- records, and where others took jobs from there, O(its jobs).

-- Take a job off where it went to. Returns whether it was there.
local function leave_there(part, new, target, moments, known_in, prefix)
  local job = part[2]
  if part[3] == '' then
    return true
  elseif new == '-' then
    return take_off(target, part[4])
  end
  local moment, is_marked, place = string.match(new, '^([^@]*)(@?)(%d*)$')
  -- Before it there is no equal one, so only those after it are to be looked at.
  local is_in_place = place ~= '' and redis.pcall('LINDEX', target, place) == job
  if not take_off(target, job) then
    return false
  end
  local length = redis.call('LLEN', target)
  if length == 0 then
    redis.call('ZREM', moments, moment)
  end
  if length == 0 or is_marked == '' or place ~= '' then
    local after_it = is_in_place and length - place or length
    walked = walked + after_it
    local is_left = after_it > 0 and redis.call('LPOS', target, job, 'RANK', -1, 'MAXLEN', after_it)
    if not is_left then
      redis.pcall('SREM', known_in, prefix .. moment)
    end
  end
  return true
end

-- Let a job be known to be delayed until a moment again.
local function known_again(score, member, moments, known_in, prefix)
  redis.pcall('SADD', known_in, prefix .. member)
  if score ~= '-' then
    redis.call('ZADD', moments, 'NX', score, member)
  end
end
