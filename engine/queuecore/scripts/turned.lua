-- Say how far a list is turned.
--
-- include turned.inc.lua
--
-- KEYS[1] the list   KEYS[2] the state of its turn
-- Returns {items that are turned, those that are not yet, ms since the last step}; nothing where the
-- list is in its order. Cost: O(1).
local turn = known_turn(KEYS[1], KEYS[2])
if not turn or turn.turned == 0 or turn.rest == 0 then
  return nil
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Of a step in the future a clock was wrong.
return {turn.turned, turn.rest, math.min(math.abs(now - turn.at), 1e15)}
