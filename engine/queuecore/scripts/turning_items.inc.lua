-- Included by scripts that take items off a list that they turn, on the way, by their bytes: after
-- turning.inc.lua. What becomes of an item is for them to say.
--
-- KEYS[8..] the lists that items go onto, where their newcomers arrive at the same end
-- A place is how many of those not yet turned there are from there to their end: who turns the list
-- and who takes from its head does not change it.
-- From `after` on, ARGV holds:
--   how many to leave that are not turned; negative: the list is turned back until there are so many
--   n   how many of KEYS[8..] there are   the name of each
--   for each of the n items, in their order:
--     place   SHA-1   which of KEYS[8..] it goes onto (0: none; -1: into its own place)   what goes there: `from to` of the
--     item's own bytes, from 1 on, or `0 0` and then the bytes   and what else the including script needs
--   the places of items that are to be returned, those of the next step
-- Where none of the n was found it turns no further. Looking for items that are not in their places
-- reads 300 items at most, or 2 MiB of large ones: those of the n that it does not reach for that are
-- for the next step.
local wanted, n, targets = tonumber(ARGV[after + 1]), tonumber(ARGV[after + 2]), tonumber(ARGV[after + 3])
local is_open = {[-1] = true}
for target = 1, targets do
  local key = KEYS[7 + target]
  local kind = redis.call('TYPE', key).ok
  is_open[target] = kind == 'list' or kind == 'none'
  need(newest == 'head' and 'LPUSH' or 'RPUSH', key)
end
-- Where others removed items further on, the next are so far from their places.
local drift, looks = 0, 300
local shas = {}
local function item_at(ahead, sha)
  if ahead < 0 or ahead >= turn.rest or looks <= 0 then
    return nil
  end
  local item, is_looked_up = item_behind(ahead)
  if is_looked_up then
    looks = looks - 1 - #item / 8192
  end
  shas[item] = shas[item] or redis.sha1hex(item)
  return shas[item] == sha and item or nil
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
-- The queues that got their names on the set by this.
local made, is_named = {}, {}
local function push_to_queue(target, payload)
  local key, name = KEYS[7 + target], ARGV[after + 3 + target]
  if not is_named[target] then
    is_named[target] = true
    if redis.call('SADD', KEYS[5], name) == 1 then
      made['made:' .. key] = name
    end
  end
  -- What goes to the end of the list itself is a newcomer there. They wait the oldest first.
  local texts = pushes_to(key == list and apart or key, key ~= list and newest == 'head')
  texts[#texts + 1] = payload
end
-- How many were taken, and how many were reached; the numbers of those that were not found, and of
-- those that stay because the key that they should go onto holds no list.
local done, reached, gone, barred = 0, 0, {}, {}

-- Take the items, each described by so many arguments: `leaves` gets the item, which it goes onto,
-- what goes there, its number and where its arguments begin; a text that it returns takes the item's
-- place. Then turn the list on.
local function take_items(width, leaves)
  if n > 0 or wanted >= 0 then
    local last = n > 0 and tonumber(ARGV[after + 4 + targets + width * (n - 1)]) - 1 or turn.rest
    to_go = turn.rest - math.min(last, math.max(0, wanted))
  end
  for i = 1, n do
    local at = after + 4 + targets + width * (i - 1)
    local place, sha, target = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
    if budget <= 0 or looks <= 0 then
      break
    end
    local ahead, item = false, nil
    if target == 0 or is_open[target] then
      ahead, item = locate(place, sha)
    end
    if ahead then
      if pass_on(true, ahead) > 0 then
        break
      end
      looks = looks + 1 + #item / 8192
      local from, to = string.match(ARGV[at + 3], '^([1-9]%d*) (%d+)$')
      local payload = from and string.sub(item, tonumber(from), tonumber(to)) or ARGV[at + 4]
      local instead = leaves(item, target, payload, i, at)
      if instead then
        forward(instead)
      else
        next_item(true)
        turn.rest = turn.rest - 1
      end
      done = done + 1
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
    if wanted >= 0 then
      pass_on(true, turn.rest - wanted)
    end
    pass_on(false, math.min(turn.turned, -wanted - turn.rest))
  end
  settle()
end

-- Write down what was taken, in a memory of this shape, and how far the turn is. Returns {1, turned,
-- not yet turned, taken, how many of the n were reached, {the numbers of those that were not found},
-- {the numbers of those whose key is no list: they stay}, {the next items: '' for those that are not
-- there}, how much farther on items were than expected}.
local function end_taking(width, shape)
  note(shape, done)
  if done > 0 and lifetime > 0 then
    redis.call('EXPIRE', KEYS[3], lifetime)
    for field, name in pairs(made) do
      redis.call('HSET', KEYS[2], field, name)
    end
  end
  end_step()
  local items, left = {}, 1048576
  for i = after + 4 + targets + width * n, #ARGV do
    local ahead = turn.rest - tonumber(ARGV[i]) + drift
    local item = left > 0 and ahead >= 0 and ahead < turn.rest and item_in(ahead)
    items[#items + 1] = item or ''
    left = left - (item and #item or 0)
  end
  return {1, turn.turned, turn.rest, done, reached, gone, barred, items, drift}
end
