-- Included by scripts that read a list which qtop may be turning meanwhile: it moves items from the
-- end where others take them to the end where newcomers arrive, one after the other, until they have
-- come round. From the one end to the other the list is until then
--   those that are not yet turned, those that are, and newcomers, which other programs pushed;
-- its order is that of those that are turned, those that are not, and newcomers.
--
-- No KEYS and no ARGV of its own. The state of a turn is a text under a key of its own:
--   owner, time of the last step (ms), how many are turned, how many newcomers there were, the
--   list's length then, the mark of its first item, those of the last items before the newcomers,
--   the last first, and ` head` where newcomers arrive at the head of the list, else at its tail
-- The first item is the next to be taken; places count from there.
-- What others push since only adds newcomers, what they take are items not yet turned.
-- Where they did both, the last items before the newcomers are looked for: by several marks, for
-- jobs are often equal byte for byte.
-- Cost: O(1); without a turn one GET; to look for items it takes about 5 ms at most.
local mark_digits, most_marks = 6, 16
local function mark_of(item)
  return string.sub(redis.sha1hex(#item .. ' ' .. string.sub(item, 1, 256)), 1, mark_digits)
end

-- The index of the item at a place of a list, and of that with so many newer ones behind it.
local function index_of(newest, place)
  return newest == 'head' and -1 - place or place
end
local function index_behind(newest, count)
  return -1 - index_of(newest, count)
end

local function read_turn(list, key)
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' or #text > 300 then
    return nil
  end
  local numbers = '(%d+) (%d+) (%d+) (%d+)'
  local owner, at, turned, newcomers, length, edge, marks, newest =
    string.match(text, '^(%x+) ' .. numbers .. ' (%x+) (%x+)%s?(%l*)$')
  if not owner then
    return nil
  end
  newest = newest == 'head' and 'head' or 'tail'
  local turn = {owner = owner, at = tonumber(at), edge = edge, newest = newest}
  turned, newcomers = tonumber(turned), tonumber(newcomers)
  local now, all = redis.call('LLEN', list), math.floor(#marks / mark_digits)
  -- In ns: a look, the bytes that it copies, and the way from the end of the list.
  local left = 2000000
  local found, most = nil, 0
  -- Count how many of the marks are those of the items before so many newcomers.
  local function look(count)
    local same = 0
    while count >= 0 and same < all and count + same < now and left > 0 do
      local item = redis.call('LINDEX', list, index_behind(newest, count + same))
      left = left - 1000 - #item / 4 - 6 * count
      local from = 1 + same * mark_digits
      if mark_of(item) ~= string.sub(marks, from, from + mark_digits - 1) then
        break
      end
      same = same + 1
    end
    if same > most then
      found, most = count, same
    end
  end
  local grown = math.max(0, now - tonumber(length))
  look(newcomers + grown)
  for step = 0, 1000 do
    if most == all or left <= 0 then
      break
    end
    look(newcomers + step)
    look(newcomers - step)
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
  -- From where to where a part is in the order, and where it begins in the list.
  local parts = {{0, turn.turned, turn.rest}, {turn.turned, middle, 0}, {middle, length, middle}}
  if turn.newest == 'head' then
    local new = turn.newcomers
    parts = {{0, new, 0}, {new, new + turn.rest, new + turn.turned}, {new + turn.rest, length, new}}
  end
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
