-- Turn a list a little further, and take items off it on the way by their bytes: what becomes of
-- them is pushed onto queues. No reader ever sees an item in no list or in two.
--
-- include turning.inc.lua
--
-- KEYS[8..] the queues pushed to
-- A place is how many of those not yet turned there are from there to their end: who turns the list
-- and who takes from its head does not change it.
-- After the arguments of turning.inc.lua, ARGV holds:
--   how many to leave that are not turned; negative: the list is turned back until there are so many
--   n   for each of the n items, in their order:
--     place   SHA-1   which of KEYS[8..] to push to (0: none)   what to push: `from to` of the item's
--     own bytes, from 1 on, or `0 0` and then the bytes
--   for each of KEYS[8..] the queue's name
--   the places of items that are to be returned, those of the next step
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns {1, turned, not yet turned, taken, how many of the n were reached, {the numbers of those
-- that were not found}, {the numbers of those whose queue's key is no list: they stay}, {the next
-- items: '' for those that are not there}, how much farther on items were than expected}; else what
-- `busy` is. Where none of the n was found it turns no further.
-- Cost: O(places turned + n). Looking for items that are not in their places reads 300 items at
-- most, or 2 MiB of large ones: those of the n that it does not reach for that are for the next step.
local wanted, n = tonumber(ARGV[after + 1]), tonumber(ARGV[after + 2])
local is_open = {}
for target = 1, #KEYS - 7 do
  local key = KEYS[7 + target]
  local kind = redis.call('TYPE', key).ok
  is_open[target] = kind == 'list' or kind == 'none'
  need('RPUSH', key)
end
if #KEYS > 7 then
  need('SADD', KEYS[5])
end
if refused or busy then
  return refused or busy
end
begin_turn()
-- Where others removed items further on, the next are so far from their places.
local drift, looks = 0, 300
local function item_at(ahead, sha)
  if ahead < 0 or ahead >= turn.rest or looks <= 0 then
    return nil
  end
  local item = redis.call('LINDEX', list, ahead)
  looks = looks - 1 - #item / 8192
  return redis.sha1hex(item) == sha and item or nil
end
-- How many items come before the one of a place, and that item; nil when it is not near there.
local function locate(place, sha)
  local ahead = turn.rest - place + drift
  for away = 0, 50 do
    local item = item_at(ahead + away, sha)
    if not item and away > 0 then
      away = -away
      item = item_at(ahead + away, sha)
    end
    if item then
      drift = drift + away
      return ahead + away, item
    end
  end
  return nil
end
local gone, barred, made, reached, done = {}, {}, {}, 0, 0
local is_named = {}
local function push(target, payload)
  if not is_named[target] then
    local name = ARGV[after + 2 + 5 * n + target]
    is_named[target] = true
    if redis.call('SADD', KEYS[5], name) == 1 then
      made['made:' .. KEYS[7 + target]] = name
    end
  end
  -- What goes to the end of the list itself is a newcomer there.
  redis.call('RPUSH', KEYS[7 + target] == list and apart or KEYS[7 + target], payload)
end
for i = 1, n do
  local at = after + 5 * i - 2
  local place, sha, target = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  if budget <= 0 or looks <= 0 then
    break
  end
  local ahead, item = false, nil
  if target == 0 or is_open[target] then
    ahead, item = locate(place, sha)
  end
  if ahead then
    while ahead > 0 and budget > 0 do
      forward()
      ahead = ahead - 1
    end
    if ahead > 0 then
      break
    end
    looks = looks + 1 + #item / 8192
    local from, to = string.match(ARGV[at + 3], '^([1-9]%d*) (%d+)$')
    local payload = from and string.sub(item, tonumber(from), tonumber(to)) or ARGV[at + 4]
    if target > 0 then
      push(target, payload)
    end
    if lifetime > 0 then
      local key = target > 0 and KEYS[7 + target] or ''
      redis.call('RPUSH', KEYS[3], turn.turned, item, key, payload)
    end
    redis.call('LTRIM', list, 1, -1)
    turn.rest, done = turn.rest - 1, done + 1
    budget = budget - 2 * step_cost - #item
  elseif ahead == false then
    barred[#barred + 1] = i
  else
    gone[#gone + 1] = i
  end
  reached = i
end
if reached == n and (n == 0 or #gone < n) then
  if wanted < 0 and turn.turned == 0 then
    -- It is in its order either way.
    turn.turned, turn.rest = turn.rest, 0
  end
  while wanted >= 0 and turn.rest > wanted and budget > 0 do
    forward()
  end
  while turn.rest < -wanted and turn.turned > 0 and budget > 0 do
    backward()
  end
end
if done > 0 then
  note('items', done)
  if lifetime > 0 then
    redis.call('EXPIRE', KEYS[3], lifetime)
    for field, name in pairs(made) do
      redis.call('HSET', KEYS[2], field, name)
    end
  end
end
end_step()
local items, left = {}, 1048576
for i = after + 3 + 5 * n + #KEYS - 7, #ARGV do
  local ahead = turn.rest - tonumber(ARGV[i]) + drift
  local item = left > 0 and ahead >= 0 and ahead < turn.rest and redis.call('LINDEX', list, ahead)
  items[#items + 1] = item or ''
  left = left - (item and #item or 0)
end
return {1, turn.turned, turn.rest, done, reached, gone, barred, items, drift}
