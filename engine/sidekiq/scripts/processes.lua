-- What processes tell about themselves and what their threads run, of those that have beaten since
-- they were read: a process writes all of it at its beats, and only then.
--
-- include threads.inc.lua
--
-- KEYS[3i-2..3i] of process i: its hash, its work by the newer name, its work by the older name
-- ARGV[1] longest text that is returned whole, in bytes   ARGV[2] most threads of a process
-- ARGV[2+i] the beat of process i as it was returned, or ''
-- Returns for each process: 0 when its beat is that one; false when it tells nothing; the error as
-- a text; else {beat, info, busy, quiet, rss, rtt_us, concurrency, threads, which of the two names
-- of its work is in use (0: none)}, its threads as threads.inc.lua says. Of a longer text its
-- length is returned. Cost: O(processes), and what their threads run; read-only.
local longest, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local function read(i, known)
  local key = KEYS[3 * i - 2]
  local beat = redis.pcall('HGET', key, 'beat')
  if type(beat) == 'table' then
    return beat.err
  end
  if known ~= '' and beat == known then
    return 0
  end
  if not beat and redis.call('EXISTS', key) == 0 then
    return false
  end
  local found = redis.call('HMGET', key, 'beat', 'info', 'busy', 'quiet', 'rss', 'rtt_us', 'concurrency')
  for at = 1, 7 do
    local text = found[at]
    if text and #text > longest then
      found[at] = #text
    end
  end
  found[8], found[9] = threads_of({KEYS[3 * i - 1], KEYS[3 * i]}, longest, most)
  return found
end
local out = {}
for i = 1, #KEYS / 3 do
  out[i] = read(i, ARGV[2 + i])
end
return out
