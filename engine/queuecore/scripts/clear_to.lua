-- Delete a list's items up to and including the one that was its newest at an earlier look. Items
-- that arrived since stay.
--
-- include trail.inc.lua
--
-- KEYS[4] the list   KEYS[5] queues   KEYS[6] the state of its turn
-- After the trail's arguments, ARGV holds:
--   the end at which newcomers arrive: tail or head
--   the SHA-1 of the item that was the newest   the list's length at that time
--   how many places to look back for it (a list shrinks at its other end meanwhile)
--   '1' to take a queue's name off the set of queues when nothing is left   that name
-- A name that was taken off is written into the operation's hash, as `unnamed`: its undo puts it back.
-- Returns how many were deleted; -1 when the item is not found, or another program turns the list:
-- nothing is deleted then. The same operation once more deletes nothing and returns what it
-- returned the first time.
-- Cost: O(bytes looked at + newcomers); the server frees the deleted in the background.
local list = KEYS[4]
local arrive, sha = ARGV[base + 1], ARGV[base + 2]
local length, reach = tonumber(ARGV[base + 3]), tonumber(ARGV[base + 4])
if kept > 0 and redis.call('EXISTS', KEYS[2]) == 1 then
  return tonumber(redis.call('HGET', KEYS[2], 'done'))
end
if redis.call('TYPE', KEYS[6]).ok == 'string' then
  return -1
end
redis.call('SISMEMBER', KEYS[5], '') -- an error before anything is done, if it is not a set
need('LTRIM RPUSH', list)
if lifetime > 0 then
  need('RENAME', list, KEYS[3])
else
  need('UNLINK', list)
end
if ARGV[base + 5] == '1' then
  need('SREM', KEYS[5])
end
if refused then
  return refused
end
local is_tail = arrive == 'tail'
-- How many items there are up to the newest one, from the end where they leave.
local most = math.min(length, redis.call('LLEN', list))
for count = most, math.max(1, most - reach), -1 do
  if redis.sha1hex(redis.call('LINDEX', list, is_tail and count - 1 or -count)) == sha then
    local newcomers
    if is_tail then
      newcomers = redis.call('LRANGE', list, count, -1)
      redis.call('LTRIM', list, 0, count - 1)
    else
      newcomers = redis.call('LRANGE', list, 0, -count - 1)
      redis.call('LTRIM', list, -count, -1)
    end
    if lifetime > 0 then
      redis.call('RENAME', list, KEYS[3])
      redis.call('EXPIRE', KEYS[3], lifetime)
    else
      redis.call('UNLINK', list)
    end
    for _, item in ipairs(newcomers) do
      redis.call('RPUSH', list, item)
    end
    local is_off = ARGV[base + 5] == '1' and #newcomers == 0
      and redis.call('SREM', KEYS[5], ARGV[base + 6]) == 1
    note(is_tail and 'list' or 'tail', count)
    if is_off and lifetime > 0 then
      redis.call('HSET', KEYS[2], 'unnamed', ARGV[base + 6])
    end
    return count
  end
end
return -1
