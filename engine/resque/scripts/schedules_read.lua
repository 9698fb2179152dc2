-- Read the persistent schedules and when each was last enqueued, huge configurations cut.
--
-- KEYS[1] persistent_schedules   KEYS[2] the times of the last enqueueing
-- ARGV[1] longest configuration in bytes
-- Returns {{name, configuration or {its beginning, its length, its SHA-1}, ...}, {name, time,
-- ...}}; times are cut to 64 bytes. Cost: O(schedules); read-only.
local limit = tonumber(ARGV[1])
local configs, last = redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])
for i = 2, #configs, 2 do
  local text = configs[i]
  if #text > limit then
    configs[i] = {string.sub(text, 1, limit), #text, redis.sha1hex(text)}
  end
end
for i = 2, #last, 2 do
  last[i] = string.sub(last[i], 1, 64)
end
return {configs, last}
