-- Push a signal for each of some processes, as Sidekiq's own API does; none for a process that has
-- left, is silent, or is a part of another program.
--
-- include trail.inc.lua
--
-- KEYS[4] processes   KEYS[5], KEYS[6] and so on: for each process its hash and its signals
-- After the trail's arguments, ARGV holds:
--   the signal   how long it may wait to be read, in seconds   for each process its identity
-- Returns for each process: 1 pushed, 0 it has left or its hash has expired, -1 it is embedded,
-- -2 it does not tell what it is, -3 the key of its hash or of its signals holds something else.
-- Cost: O(processes).
local signal, patience = ARGV[base + 1], ARGV[base + 2]
local verdicts = {}
local function verdict_on(identity, hash, signals)
  if redis.call('SISMEMBER', KEYS[4], identity) == 0 or redis.call('EXISTS', hash) == 0 then
    return 0
  end
  local kind = redis.call('TYPE', signals).ok
  if redis.call('TYPE', hash).ok ~= 'hash' or (kind ~= 'list' and kind ~= 'none') then
    return -3
  end
  local is_json, told = pcall(cjson.decode, redis.call('HGET', hash, 'info') or '')
  if not is_json or type(told) ~= 'table' then
    return -2
  end
  return told.embedded == true and -1 or 1
end
for i = 1, (#KEYS - 4) / 2 do
  local signals = KEYS[4 + 2 * i]
  verdicts[i] = verdict_on(ARGV[base + 2 + i], KEYS[3 + 2 * i], signals)
  if verdicts[i] == 1 then
    need('LPUSH EXPIRE', signals)
  end
end
if refused then
  return refused
end
local pushed = 0
for i, verdict in ipairs(verdicts) do
  if verdict == 1 then
    local signals = KEYS[4 + 2 * i]
    redis.call('LPUSH', signals, signal)
    redis.call('EXPIRE', signals, patience)
    remember(signal, '', signals, '')
    pushed = pushed + 1
  end
end
note('signals', pushed)
if pushed > 0 and lifetime > 0 then
  -- What was not read by then is gone, too.
  redis.call('EXPIRE', KEYS[3], patience)
end
return verdicts
