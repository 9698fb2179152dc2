-- What the threads of some processes run.
--
-- include threads.inc.lua
--
-- KEYS[2i-1..2i] of process i: its work by the newer name, by the older name
-- ARGV[1] longest text that is returned whole, in bytes   ARGV[2] most threads of a process
-- Returns for each process what threads.inc.lua says of its threads. Cost: O(threads), and the
-- bytes of what they run; read-only.
local out = {}
for i = 1, #KEYS / 2 do
  out[i] = threads_of({KEYS[2 * i - 1], KEYS[2 * i]}, tonumber(ARGV[1]), tonumber(ARGV[2]))
end
return out
