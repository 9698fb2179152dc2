-- Included by scripts that operators use: leaves an entry in the audit stream, and room for what
-- an undo needs, in the same step as the operation. The including script returns `refused`, if
-- there is one, before writing anything.
--
-- include rights.inc.lua
--
-- KEYS[1] the audit stream   KEYS[2] the operation's hash   KEYS[3] what it removed
-- ARGV[1] how long an undo is possible, in seconds; 0: not at all
-- ARGV[2] how many entries the audit stream keeps, about; 0: leave no trail at all
-- ARGV[3] how many of the following are field and value of the audit entry
local lifetime = tonumber(ARGV[1])
local kept = tonumber(ARGV[2])
local fields = tonumber(ARGV[3])
-- Where the including script's own arguments begin, minus one.
local base = 3 + fields

if kept > 0 then
  -- An error before anything is done, if the audit is not a stream.
  redis.call('XLEN', KEYS[1])
  need('XADD', KEYS[1])
  need('HSET EXPIRE HINCRBY', KEYS[2])
  if lifetime > 0 then
    need('RPUSH EXPIRE', KEYS[3])
  end
end

-- Write down that the operation happened: once for all calls that belong to it. Where nothing was
-- done nothing happened.
local function note(shape, done)
  if kept == 0 or done == 0 then
    return
  end
  if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', kept, '*', unpack(ARGV, 4, base))
    redis.call('HSET', KEYS[2], 'shape', shape, unpack(ARGV, 4, base))
    -- How much was done stays known for a day, also of what cannot be undone.
    redis.call('EXPIRE', KEYS[2], lifetime > 0 and lifetime or 86400)
  end
  redis.call('HINCRBY', KEYS[2], 'done', done)
end

-- Keep what was removed, for as long as it can be restored.
local function remember(...)
  if lifetime > 0 then
    redis.call('RPUSH', KEYS[3], ...)
    redis.call('EXPIRE', KEYS[3], lifetime)
  end
end
