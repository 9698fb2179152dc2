-- Turn a list a little further, and take items off it on the way by their bytes: what becomes of
-- them is pushed onto queues, or put in their places. No reader ever sees an item in no list or in two.
--
-- include turning.inc.lua
-- include turning_items.inc.lua
--
-- KEYS[8..] the queues pushed to
-- ARGV as turning_items.inc.lua says, nothing more for an item.
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns what `end_taking` says; else what `busy` is. Cost: O(places turned + n).
if targets > 0 then
  need('SADD', KEYS[5])
end
if refused or busy then
  return refused or busy
end
begin_turn()
take_items(5, function(item, target, payload)
  if target > 0 then
    push_to_queue(target, payload)
  end
  if lifetime > 0 then
    local key = target > 0 and KEYS[7 + target] or ''
    local where = string.format(target < 0 and '%d edit' or '%d', turn.turned)
    local texts = pushes_to(KEYS[3], false)
    local at = #texts
    texts[at + 1], texts[at + 2], texts[at + 3], texts[at + 4] = where, item, key, payload
  end
  return target < 0 and payload or nil
end)
return end_taking(5, newest == 'head' and 'waiting' or 'items')
