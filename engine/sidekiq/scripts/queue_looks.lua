-- What a console wants to know of each queue at every poll: its length, how many jobs were pushed
-- since the poll before, and the next job. New jobs come at the head; the next to run is the last.
-- Pushes show nowhere, so the newest job is remembered by its print (a SHA-1) and looked for again
-- among the newest.
--
-- include ends.inc.lua
--
-- KEYS[1..n] queues
-- ARGV[1] how many jobs to look at, at most, for the remembered one
-- ARGV[2] longest job that is returned whole, in bytes
-- ARGV[3i..2+3i] of queue i its length and the prints of its newest and its next job, as they were
-- returned at the poll before, or ''
-- Returns for each queue its length alone when that and the next job are as they were, so that none
-- was pushed, or when it is empty; else {length, print of the newest, pushed since, print of the next, the next job or false when
-- its print is as it was}; pushed is -1 when unknown: nothing was remembered, the job is gone or
-- further back, or the newest two are the same. A longer job comes as ends.inc.lua says. A queue
-- that is not a list gives -1, one that may not be read the error as a text. Jobs over 4 KiB are
-- compared by their length and both ends. Of jobs over 256 KiB, which each reading copies, a
-- print is 'print length turns': they are read when the length is another one, or has been the same
-- for 20 looks.
-- Cost: O(n + pushed), and the bytes read, at most 8 MiB a queue and three jobs; read-only.
local reach, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local function print_of(item)
  if #item > 4096 then
    item = #item .. string.sub(item, 1, 2048) .. string.sub(item, -2048)
  end
  return redis.sha1hex(item)
end
-- A job and its print; the print alone of a huge one that seems to be the same.
local function look(key, place, known, length)
  if #known > 40 then
    local seen, was, turns = string.match(known, '^(%x+) (%d+) (%d+)$')
    if tonumber(was) == length and tonumber(turns) < 20 then
      return seen .. ' ' .. length .. ' ' .. turns + 1
    end
  end
  local item = redis.call('LINDEX', key, place)
  local now = print_of(item)
  return #item > 262144 and now .. ' ' .. length .. ' 0' or now, item
end
local function pushed_since(key, seen, newest)
  -- With an id no two jobs are the same.
  if not string.find(newest, '"jid"', 1, true) and redis.call('LINDEX', key, 1) == newest then
    return -1
  end
  local left, item = 8388608, newest
  for pushed = 0, reach - 1 do
    if not item or left < 0 then
      return -1
    end
    if print_of(item) == seen then
      return pushed
    end
    left = left - #item
    item = redis.call('LINDEX', key, pushed + 1)
  end
  return -1
end
local function read(key, length, length_was, newest_was, next_was)
  local next_print, next_job = look(key, -1, next_was, length)
  if next_print == next_was and tostring(length) == length_was then
    return length
  end
  local newest_print, newest = look(key, 0, newest_was, length)
  local pushed = -1
  if newest_was ~= '' and newest then
    pushed = pushed_since(key, string.sub(newest_was, 1, 40), newest)
  end
  local is_other = next_job and string.sub(next_print, 1, 40) ~= string.sub(next_was, 1, 40)
  return {length, newest_print, pushed, next_print, is_other and ends_of(next_job, longest) or false}
end
local out = {}
for i, key in ipairs(KEYS) do
  local length = redis.pcall('LLEN', key)
  if type(length) ~= 'number' then
    out[i] = string.find(length.err, 'WRONGTYPE', 1, true) and -1 or length.err
  elseif length == 0 then
    out[i] = 0
  else
    out[i] = read(key, length, ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2])
  end
end
return out
