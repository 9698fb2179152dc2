-- As signs.lua, what is under keys that its answer names.
--
-- include ends.inc.lua
--
-- KEYS[1..p] hashes of processes   KEYS[p+1..] queues
-- ARGV[1] p   ARGV[2] longest text that is returned whole
-- Returns {{the info of each process}, {the first and the last job of each queue}}. What is not
-- there, may not be read or is of another kind is false; a longer text comes as ends.inc.lua says,
-- and after 8 MiB of jobs no more are read. Cost: O(processes + queues), and the bytes; read-only.
local count, longest, left = tonumber(ARGV[1]), tonumber(ARGV[2]), 8388608
local function cut(text)
  if type(text) ~= 'string' then
    return false
  end
  left = left - #text
  return ends_of(text, longest)
end
local infos, jobs = {}, {}
for i, key in ipairs(KEYS) do
  if i <= count then
    infos[i] = cut(redis.pcall('HGET', key, 'info'))
  else
    for _, place in ipairs({0, -1}) do
      jobs[#jobs + 1] = left > 0 and cut(redis.pcall('LINDEX', key, place))
    end
  end
end
return {infos, jobs}
