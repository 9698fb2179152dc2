-- Included by scripts that read a list which qtop may be turning meanwhile: it moves items from the
-- head to the tail, one after the other, until they have come round. Until then the list is
--   those that are not yet turned, those that are, and newcomers, which other programs pushed;
-- its order is that of those that are turned, those that are not, and newcomers.
--
-- No KEYS and no ARGV of its own. The state of a turn is a text under a key of its own:
--   owner, time of the last step (ms), how many are turned, how many newcomers there were, the
--   list's length then, and SHA-1 of its first item and of the item before the newcomers
-- What others push since only adds newcomers, what they pop from the head are items not yet turned.
-- Nothing else that they do can be counted: then the item before the newcomers is looked for.
-- Cost: O(1); without a turn one GET.
local function read_turn(list, key)
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' or #text > 300 then
    return nil
  end
  local numbers = '(%d+) (%d+) (%d+) (%d+)'
  local owner, at, turned, newcomers, length, edge, mark =
    string.match(text, '^(%x+) ' .. numbers .. ' (%x+) (%x+)$')
  if not owner then
    return nil
  end
  local turn = {owner = owner, at = tonumber(at), edge = edge}
  turned, newcomers = tonumber(turned), tonumber(newcomers)
  local now, left = redis.call('LLEN', list), 4194304
  local function is_before(count)
    local item = count < now and left > 0 and redis.call('LINDEX', list, -1 - count)
    left = left - (item and #item or 0)
    return item and redis.sha1hex(item) == mark
  end
  local grown = math.max(0, now - tonumber(length))
  local found = is_before(newcomers + grown) and newcomers + grown
  for step = 0, 1000 do
    if found then
      break
    end
    found = is_before(newcomers + step) and newcomers + step
      or step > 0 and step <= newcomers and is_before(newcomers - step) and newcomers - step
  end
  turn.is_certain = found and true
  -- Else others removed the item before the newcomers: then the counts are nearly right.
  turn.newcomers = math.min(found or newcomers + grown, now)
  turn.turned = math.min(turned, now - turn.newcomers)
  turn.rest = now - turn.newcomers - turn.turned
  return turn
end

-- The turn under a key, where it is known what of the list is turned; else nil: then the list is in
-- its order, as far as can be known.
local function known_turn(list, key)
  local turn = key and key ~= list and read_turn(list, key)
  return turn and turn.is_certain and turn or nil
end

-- The items from one place in the order of the list to another, as LRANGE gives them.
local function in_order(list, turn, first, last)
  if not turn then
    return redis.call('LRANGE', list, first, last)
  end
  local middle = turn.turned + turn.rest
  local length = middle + turn.newcomers
  first, last = tonumber(first), tonumber(last)
  first = first < 0 and math.max(0, first + length) or first
  last = last < 0 and last + length or last
  local items = {}
  local parts = {{0, turn.turned, turn.rest}, {turn.turned, middle, 0}, {middle, length, middle}}
  for _, part in ipairs(parts) do
    local from, to = math.max(first, part[1]), math.min(last, part[2] - 1)
    if from <= to then
      local away = part[3] - part[1]
      for _, item in ipairs(redis.call('LRANGE', list, from + away, to + away)) do
        items[#items + 1] = item
      end
    end
  end
  return items
end
