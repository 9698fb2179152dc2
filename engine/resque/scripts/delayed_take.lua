-- Take jobs off the head of a moment's list, as long as they are the expected ones, and do with
-- each what was decided. The first to take one keeps it: nothing is moved twice, nothing lost.
--
-- include rights.inc.lua
--
-- KEYS[1] the list   KEYS[2] all moments   KEYS[3] queues   KEYS[4] the list of unreadable items
-- KEYS[3+2i] the moments of entry i   KEYS[4+2i] the list onto which it goes
-- ARGV[1] the list's name inside values   ARGV[2] the member in KEYS[2]
-- ARGV[4i-1] the expected entry    ARGV[4i] 'queue', 'aside' (unreadable) or 'drop'
-- ARGV[4i+1] the queue's name      ARGV[4i+2] what is pushed there
-- Returns {how many were taken, how many of them were set aside because the queue's key is not
-- a list, how many are left}. A list that is empty leaves KEYS[2] with it.
-- Cost: O(entries), plus the moments' log.
local function is_list(key)
  local kind = redis.call('TYPE', key)['ok']
  return kind == 'list' or kind == 'none'
end
redis.call('SISMEMBER', KEYS[3], '') -- an error before anything was taken, if it is not a set
redis.call('LLEN', KEYS[4])
redis.call('ZSCORE', KEYS[2], ARGV[2])
need('LPOP', KEYS[1])
need('ZREM', KEYS[2])
need('SADD', KEYS[3])
need('RPUSH', KEYS[4])
for i = 6, #KEYS, 2 do
  need('RPUSH', KEYS[i])
end
if refused then
  return refused
end
local taken = 0
local aside = 0
for i = 1, (#KEYS - 4) / 2 do
  local entry = ARGV[4 * i - 1]
  if redis.call('LINDEX', KEYS[1], 0) ~= entry then
    break
  end
  -- Taking first: a server out of memory lets a script go on that has begun with that.
  redis.call('LPOP', KEYS[1])
  redis.pcall('SREM', KEYS[3 + 2 * i], ARGV[1])
  local act = ARGV[4 * i]
  if act == 'queue' and not is_list(KEYS[4 + 2 * i]) then
    act = 'aside'
    aside = aside + 1
  end
  if act == 'queue' then
    redis.call('SADD', KEYS[3], ARGV[4 * i + 1])
    redis.call('RPUSH', KEYS[4 + 2 * i], ARGV[4 * i + 2])
  elseif act == 'aside' then
    redis.call('RPUSH', KEYS[4], entry)
  end
  taken = taken + 1
end
local left = redis.call('LLEN', KEYS[1])
if left == 0 then
  redis.call('ZREM', KEYS[2], ARGV[2])
end
return {taken, aside, left}
