-- Delete a list's items up to and including one that was its last at an earlier look. Items
-- that arrived since stay.
--
-- include trail.inc.lua
--
-- KEYS[4] the list   KEYS[5] queues   KEYS[6] the state of its turn
-- After the trail's arguments, ARGV holds:
--   the SHA-1 of the item that was last   the list's length at that time
--   how many places to look back for it (a list shrinks at its head meanwhile)
--   '1' to take a queue's name off the set of queues when nothing is left   that name
-- Returns how many were deleted; -1 when the item is not found, or another program turns the list:
-- nothing is deleted then. The same operation once more deletes nothing and returns what it
-- returned the first time.
-- Cost: O(bytes looked at + newcomers); the server frees the deleted in the background.
local list = KEYS[4]
local sha, length, reach = ARGV[base + 1], tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
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
if ARGV[base + 4] == '1' then
  need('SREM', KEYS[5])
end
if refused then
  return refused
end
local from = math.min(length, redis.call('LLEN', list)) - 1
for place = from, math.max(0, from - reach), -1 do
  if redis.sha1hex(redis.call('LINDEX', list, place)) == sha then
    local newcomers = redis.call('LRANGE', list, place + 1, -1)
    redis.call('LTRIM', list, 0, place)
    if lifetime > 0 then
      redis.call('RENAME', list, KEYS[3])
      redis.call('EXPIRE', KEYS[3], lifetime)
    else
      redis.call('UNLINK', list)
    end
    for _, item in ipairs(newcomers) do
      redis.call('RPUSH', list, item)
    end
    if ARGV[base + 4] == '1' and #newcomers == 0 then
      redis.call('SREM', KEYS[5], ARGV[base + 5])
    end
    note('list', place + 1)
    return place + 1
  end
end
return -1
