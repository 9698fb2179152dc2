-- Turn a list a little further, and take items off it on the way by their bytes: what becomes of
-- them is pushed onto queues. No reader ever sees an item in no list or in two.
--
-- include turning.inc.lua
--
-- KEYS[8..] the queues pushed to
-- After the arguments of turning.inc.lua, ARGV holds:
--   how far to turn, counted from the head; negative: so many are turned back instead
--   n   for each of the n items, in the order of their places:
--     place from the head   SHA-1   which of KEYS[8..] to push to (0: none)   what to push: `from to`
--     of the item's own bytes, or '' and then the bytes
--   for each of KEYS[8..] the queue's name
--   places from the head of the items that are to be returned, those of the next step
-- A queue that gets its name on the set by this is written into the operation's hash, as
-- `made:<key>`: its undo takes the name off again.
-- Returns {1, turned, not yet turned, newcomers between the others, items passed, how many items
-- less there were before the place than there should be, taken, {numbers of those that were not
-- found}, {numbers of those whose queue's key is no list: they stay}, how many of the n were reached,
-- {the next items: '' for those that are too far}}; else what `busy` is.
-- Cost: O(places turned + n); it ends early after 1 MiB. Looking for items that are not in their
-- places reads 300 items at most.
local wanted, n = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
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
-- How many have been passed since the places were read, and how many of those before have gone.
local passed, shift, looks = 0, 0, 300
local function holds(place, sha)
  if place < 0 or place >= turn.rest or looks <= 0 then
    return false
  end
  looks = looks - 1
  return redis.sha1hex(redis.call('LINDEX', list, place)) == sha
end
local function locate(place, sha)
  if holds(place, sha) then
    return place
  end
  for away = 1, 50 do
    for _, at in ipairs({place - away, place + away}) do
      if holds(at, sha) then
        shift = shift + place - at
        return at
      end
    end
  end
  return nil
end
local function pass()
  forward()
  passed = passed + 1
end
local gone, barred, made, reached, done = {}, {}, {}, 0, 0
local is_named = {}
local function push(target, payload)
  if not is_named[target] then
    local name = ARGV[base + 2 + 5 * n + target]
    is_named[target] = true
    if redis.call('SADD', KEYS[5], name) == 1 then
      made['made:' .. KEYS[7 + target]] = name
    end
  end
  -- What goes to the end of the list itself is a newcomer there.
  redis.call('RPUSH', KEYS[7 + target] == list and apart or KEYS[7 + target], payload)
end
for i = 1, n do
  local at = base + 5 * i - 2
  local place, sha, target = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  if budget <= 0 then
    break
  end
  local ahead = (target == 0 or is_open[target]) and locate(place - passed - shift, sha)
  if ahead then
    while ahead > 0 and budget > 0 do
      pass()
      ahead = ahead - 1
    end
    if ahead > 0 then
      break
    end
    looks = looks + 1
    local item = redis.call('LINDEX', list, 0)
    local from, to = string.match(ARGV[at + 3], '^(%d+) (%d+)$')
    local payload = from and string.sub(item, tonumber(from), tonumber(to)) or ARGV[at + 4]
    if target > 0 then
      push(target, payload)
    end
    if lifetime > 0 then
      local key = target > 0 and KEYS[7 + target] or ''
      redis.call('RPUSH', KEYS[3], turn.turned, item, key, payload)
    end
    redis.call('LPOP', list)
    turn.rest, passed, done = turn.rest - 1, passed + 1, done + 1
    budget = budget - 2 * step_cost - #item
  elseif ahead == false then
    barred[#barred + 1] = i
  else
    gone[#gone + 1] = i
  end
  reached = i
end
if reached == n then
  while passed + shift < wanted and turn.rest > 0 and budget > 0 do
    pass()
  end
  for _ = 1, math.min(-wanted, turn.turned) do
    if budget <= 0 then
      break
    end
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
for i = base + 3 + 5 * n + #KEYS - 7, #ARGV do
  local place = tonumber(ARGV[i]) - passed - shift
  local item = left > 0 and place >= 0 and place < turn.rest and redis.call('LINDEX', list, place)
  items[#items + 1] = item or ''
  left = left - (item and #item or 0)
end
return {1, turn.turned, turn.rest, between, passed, shift, done, gone, barred, reached, items}
