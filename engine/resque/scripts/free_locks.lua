-- Delete the locks of jobs that have left a queue, as plug-ins of Ruby's Resque do themselves.
--
-- include rights.inc.lua
--
-- KEYS[1] the queue   KEYS[2..n] the lock of each job
-- ARGV[1..n-1] the bytes of each job; '' for a lock of no job that is known: it goes only when the
--         queue is empty
-- Returns how many were deleted. The lock of a job that waits in the queue, perhaps as another of
-- the same bytes, stays. Cost: O(n), and O(queue) for each lock that is there.
need('DEL', unpack(KEYS, 2))
if refused then
  return refused
end
local freed = 0
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    local job, waits = ARGV[i - 1]
    if job == '' then
      waits = redis.call('LLEN', KEYS[1]) > 0
    else
      waits = redis.call('LPOS', KEYS[1], job)
    end
    if not waits then
      freed = freed + redis.call('DEL', KEYS[i])
    end
  end
end
return freed
