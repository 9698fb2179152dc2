-- What a console wants to know of each queue at every poll: its length, and how many jobs were
-- pushed since the poll before. Pushes show nowhere in Resque, so the last item is remembered
-- by its print (a SHA-1) and looked for again among the newest.
--
-- KEYS[1..n] queues
-- ARGV[1] how many items to look at, at most, for the remembered one
-- ARGV[1+i] the tail of queue i as it was returned at the poll before, or ''
-- Returns for each queue its length alone when its tail is as it was and nothing was pushed, or
-- when it is empty; else {length, tail, pushed since}; pushed is -1 when unknown: nothing was
-- remembered, the item is gone or further back, or the last two items are the same, so that one
-- cannot be distinguished from the other. A queue that is not a list gives -1, one of
-- which the length may not be read the error as a text. Items over 4 KiB are
-- compared by their length and both ends.
-- A tail is a print. Of items over 256 KiB, which each reading copies, it is 'print length
-- turns': they are read when the length is another one, or has been the same for 100 looks;
-- meanwhile pushed is unknown, since as many may have come as have left.
-- Cost: O(n + pushed), and the bytes read, at most 8 MiB a queue and three items; read-only.
local reach = tonumber(ARGV[1])
local function print_of(item)
  if #item > 4096 then
    item = #item .. string.sub(item, 1, 2048) .. string.sub(item, -2048)
  end
  return redis.sha1hex(item)
end
local function pushed_since(key, seen, last, before)
  if seen == '' or before == last then
    return -1
  end
  local left = 8388608
  for pushed = 1, reach do
    if not before or left < 0 then
      return -1
    end
    if print_of(before) == seen then
      return pushed
    end
    left = left - #before
    before = redis.call('LINDEX', key, -2 - pushed)
  end
  return -1
end
local function read(key, length, tail)
  local seen, was, turns = tail, length, 0
  if #tail > 40 then
    seen, was, turns = string.match(tail, '^(%x+) (%d+) (%d+)$')
    was, turns = tonumber(was), tonumber(turns)
    if was == length and turns < 100 then
      return {length, seen .. ' ' .. length .. ' ' .. turns + 1, -1}
    end
  end
  local last = redis.call('LINDEX', key, '-1')
  local before = length > 1 and redis.call('LINDEX', key, '-2')
  local now, pushed = print_of(last), 0
  if now ~= seen or before == last then
    pushed = pushed_since(key, seen, last, before)
    -- Since it was read, not since the poll before, unless the queue has grown by all of them.
    if turns > 0 and pushed ~= length - was then
      pushed = -1
    end
  end
  if #last > 262144 or before and #before > 262144 then
    now = now .. ' ' .. length .. ' 0'
  end
  return now == tail and pushed == 0 and length or {length, now, pushed}
end
local out = {}
for i, key in ipairs(KEYS) do
  local length = redis.pcall('LLEN', key)
  if type(length) ~= 'number' then
    out[i] = string.find(length.err, 'WRONGTYPE', 1, true) and -1 or length.err
  elseif length == 0 then
    out[i] = 0
  else
    out[i] = read(key, length, ARGV[1 + i])
  end
end
return out
