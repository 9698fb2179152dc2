-- Put an action on record that happens outside of Redis, such as starting workers on a machine.
--
-- include trail.inc.lua
--
-- No KEYS of its own.
-- After the trail's arguments, ARGV holds how many it concerned.
-- Returns 1. Cost: O(1).
if refused then
  return refused
end
note('outside', tonumber(ARGV[base + 1]))
return 1
