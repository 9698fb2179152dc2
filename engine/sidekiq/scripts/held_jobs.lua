-- What a process writes of the jobs that it runs, without those that are too large.
--
-- KEYS[1] the hash of its work: thread to entry
-- ARGV[1] how large an entry may be   ARGV[2] how large all of them may be, in bytes
-- Returns {{thread, entry, thread, ...}, how many were left out}.
-- Cost: O(threads + bytes returned); read-only.
local largest, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local found, left_out = {}, 0
for _, thread in ipairs(redis.call('HKEYS', KEYS[1])) do
  local size = redis.call('HSTRLEN', KEYS[1], thread)
  if size <= largest and size <= room then
    room = room - size
    found[#found + 1] = thread
    found[#found + 1] = redis.call('HGET', KEYS[1], thread)
  else
    left_out = left_out + 1
  end
end
return {found, left_out}
