-- What a console wants to know of each queue at every look: its length, and how many jobs were
-- pushed since the look before. Pushes show nowhere in Resque, so the last item is remembered
-- by its print (a SHA-1) and looked for again among the newest.
--
-- KEYS[1..n] queues
-- ARGV[1] how many items to look at, at most, for the remembered one
-- ARGV[1+i] the print of queue i's last item at the look before, or ''
-- Returns for each queue {length, print of its last item or '', pushed since}; pushed is -1
-- when unknown: nothing was remembered, the item is gone or further back, or the last two
-- items are the same, so that one cannot be told from the other. A queue that is not a list
-- gives {-1, '', -1}. Items over 4 KiB are told apart by their length and both ends.
-- Cost: O(n + pushed); read-only.
local function print_of(item)
  if item and #item > 4096 then
    item = #item .. string.sub(item, 1, 2048) .. string.sub(item, -2048)
  end
  return item and redis.sha1hex(item)
end
local function pushed_since(key, seen, last)
  if seen == '' then
    return -1
  end
  local back = print_of(redis.call('LINDEX', key, -2))
  if back == last then
    return -1
  end
  if seen == last then
    return 0
  end
  for pushed = 1, tonumber(ARGV[1]) do
    if not back then
      return -1
    end
    if back == seen then
      return pushed
    end
    back = print_of(redis.call('LINDEX', key, -2 - pushed))
  end
  return -1
end
local out = {}
for i, key in ipairs(KEYS) do
  local length = redis.pcall('LLEN', key)
  if type(length) ~= 'number' then
    out[i] = {-1, '', -1}
  elseif length == 0 then
    out[i] = {0, '', -1}
  else
    local last = print_of(redis.call('LINDEX', key, -1))
    out[i] = {length, last, pushed_since(key, ARGV[1 + i], last)}
  end
end
return out
