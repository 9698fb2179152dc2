-- Delete a list's items up to and including one that was its last when somebody looked. Items
-- that arrived since stay.
--
-- KEYS[1] the list
-- ARGV[1] SHA-1 of the item that was last   ARGV[2] the list's length at that time
-- ARGV[3] how many places to look back for it (a list shrinks at its head meanwhile)
-- Returns how many were deleted; -1 when the item is not found (nothing is deleted then).
-- Cost: O(bytes looked at + newcomers); the server frees the deleted in the background.
local from = math.min(tonumber(ARGV[2]), redis.call('LLEN', KEYS[1])) - 1
for place = from, math.max(0, from - tonumber(ARGV[3])), -1 do
  if redis.sha1hex(redis.call('LINDEX', KEYS[1], place)) == ARGV[1] then
    local newcomers = redis.call('LRANGE', KEYS[1], place + 1, -1)
    redis.call('UNLINK', KEYS[1])
    for _, item in ipairs(newcomers) do
      redis.call('RPUSH', KEYS[1], item)
    end
    return place + 1
  end
end
return -1
