-- Included by scripts that turn a list: see turned.inc.lua. No item ever leaves the list but for
-- newcomers within one script, which wait aside so that they come last again.
--
-- include trail.inc.lua
-- include turned.inc.lua
--
-- KEYS[4] the list   KEYS[5] queues   KEYS[6] the state of its turn   KEYS[7] where newcomers wait
-- After the trail's arguments, ARGV holds:
--   who turns   '1' if the turn is known to be its own   '1' to end the turn once all is in order
--   after how many ms without a step the owner of a turn is taken for dead
--   how many bytes this script may move, where each item costs 500 more
--   the end at which newcomers arrive: tail or head
-- `busy` is what to return where nothing can be done: {0, turned, rest} where another turns the
-- list, {-1, 0, 0} where the turn that was its own has ended.
local list, state, apart = KEYS[4], KEYS[6], KEYS[7]
local owner, expects = ARGV[base + 1], ARGV[base + 2] == '1'
local ends, grace = ARGV[base + 3] == '1', tonumber(ARGV[base + 4])
local budget, step_cost = tonumber(ARGV[base + 5]), 500
-- Where the including script's own arguments begin, minus one.
local after = base + 6
local most_apart = 1000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Errors before anything is done, if these are of another kind.
redis.call('LLEN', apart)
redis.call('GET', state)
redis.call('SISMEMBER', KEYS[5], '')
need('LTRIM LPUSH RPUSH LINDEX LRANGE', list)
need('LMOVE', list, apart)
need('LMOVE', apart, list)
need('SET DEL', state)
local turn = read_turn(list, state)
local busy
if expects then
  if not turn or turn.owner ~= owner then
    busy = {-1, 0, 0}
  end
elseif turn and turn.owner ~= owner and math.abs(now - turn.at) < grace then
  busy = {0, turn.turned, turn.rest}
end
-- The ends of the list, as LMOVE calls them: where others take items, and where newcomers arrive.
local newest, first_end, last_end
local function face(which)
  newest = which
  first_end, last_end = 'LEFT', 'RIGHT'
  if newest == 'head' then
    first_end, last_end = last_end, first_end
  end
end
face(turn and turn.newest or ARGV[base + 6])
-- The item at a place, counted from where others take them.
local function item_in(place)
  return redis.call('LINDEX', list, index_of(newest, place))
end
-- Whether the list is in its order before this script does anything.
local was_in_order
-- How many newcomers wait apart, and how many stay between the others: they are too many.
local waiting, between = 0, 0

-- Take the list over, as it is, and put newcomers apart.
local function begin_turn()
  -- A write that needs no memory comes first: then a server out of memory lets the script go on.
  redis.call('LTRIM', list, 0, -1)
  local is_other = turn and not expects and (turn.turned == 0 or turn.rest == 0)
  if not turn or is_other or not expects and not turn.is_certain then
    turn = {turned = 0, rest = redis.call('LLEN', list), newcomers = 0}
    face(ARGV[base + 6])
  end
  turn.owner = owner
  was_in_order = turn.turned == 0 or turn.rest == 0
  local first = was_in_order and item_in(0)
  turn.edge = first and mark_of(first) or turn.edge
  while redis.call('LMOVE', apart, list, 'LEFT', last_end) do
    turn.newcomers = turn.newcomers + 1
  end
  if turn.turned == 0 and not expects then
    turn.rest = turn.rest + turn.newcomers
  elseif turn.rest == 0 then
    turn.turned = turn.turned + turn.newcomers
  else
    local most = turn.newcomers <= most_apart and turn.newcomers or 0
    local left = 1048576
    while waiting < most and left > 0 do
      left = left - step_cost - #redis.call('LMOVE', list, apart, last_end, 'LEFT')
      waiting = waiting + 1
    end
    -- They take their time as well, there and back.
    budget = math.max(budget - 2 * (1048576 - left), budget / 8)
    between = turn.newcomers - waiting
    if turn.turned == 0 then
      turn.rest = turn.rest + between
    else
      turn.turned = turn.turned + between
    end
    if between > 0 and not expects then
      -- As it is, newcomers come last. To turn it on would leave them before others.
      turn.turned, turn.rest = 0, redis.call('LLEN', list)
      turn.edge = mark_of(item_in(0))
    end
  end
end

-- Items are read some at a time from the end of the list that they leave, and go to its other end many
-- at a time: a move of each by itself costs a quarter more. `read` are those that were read last, the
-- next first; `passed` is how many of them have left. `behind` is how many have left that are still in
-- their old places; `moved` is what is to go to the other end, `pushes` what onto other lists, by their
-- keys. What has left is in its old place until `settle`, which comes before all else that looks at
-- the list, and last: no error in between loses an item.
local is_forward, read, passed, behind = true, {}, 0, 0
local moved, pushes, pushed_to = {}, {}, {}
-- No command tells how large an item is without sending it, and large ones come many in a row: so few
-- are read at once.
local most_read, read_bytes, mean_bytes = 7, 32768, 16384
local most_behind, most_behind_bytes, behind_bytes = 100, 131072, 0
-- How many more are to leave, as far as is known.
local to_go = math.huge
-- What went to the end at which newcomers arrive last, if it is still the last there.
local tail

local function settle()
  for _, key in ipairs(pushed_to) do
    local texts = pushes[key]
    if texts.to_head then
      redis.call('LPUSH', key, unpack(texts))
    else
      redis.call('RPUSH', key, unpack(texts))
    end
  end
  local to_right = is_forward == (last_end == 'RIGHT')
  if #moved > 0 and to_right then
    redis.call('RPUSH', list, unpack(moved))
  elseif #moved > 0 then
    redis.call('LPUSH', list, unpack(moved))
  end
  if behind > 0 then
    redis.call('LTRIM', list, to_right and behind or 0, to_right and -1 or -1 - behind)
  end
  if behind > 0 or #moved > 0 then
    tail = is_forward and moved or nil
  end
  moved, pushes, pushed_to, behind, behind_bytes = {}, {}, {}, 0, 0
end

-- Push onto another list, to its head or its tail, once what has left is settled: the texts of these
-- are to be added to what it returns.
local function pushes_to(key, to_head)
  local texts = pushes[key]
  if not texts then
    texts = {to_head = to_head}
    pushes[key], pushed_to[#pushed_to + 1] = texts, key
  end
  return texts
end

-- Forget what was read: for what changes the list itself.
local function read_anew()
  settle()
  is_forward, read, passed, tail = true, {}, 0, nil
end

-- Read the items behind those that are read, if there are any.
local function read_more()
  if passed == #read then
    read, passed = {}, 0
  end
  local known = #read - passed
  local left = (is_forward and turn.rest or turn.turned) - known
  if left <= 0 then
    return
  end
  local paid = math.floor(budget / (step_cost + mean_bytes)) + 1
  local count = math.min(left, to_go - known, paid, most_read, math.floor(read_bytes / mean_bytes))
  count = math.max(1, count)
  local first, size = behind + known, 0
  local from_left = is_forward == (first_end == 'LEFT')
  local items
  if from_left then
    items = redis.call('LRANGE', list, first, first + count - 1)
  else
    items = redis.call('LRANGE', list, -first - count, -first - 1)
  end
  for i = 1, #items do
    local item = items[from_left and i or #items + 1 - i]
    read[#read + 1], size = item, size + #item
  end
  -- After large ones fewer are read, then slowly more again: each time twice as many as before.
  mean_bytes = math.max(64, mean_bytes / 2, size / math.max(1, #items))
end

-- Have the next item that leaves the list read, where others take them or at the other end.
local function look_at_next(forwards)
  if is_forward ~= forwards then
    settle()
    is_forward, read, passed = forwards, {}, 0
  elseif behind >= most_behind or behind_bytes >= most_behind_bytes then
    settle()
  end
  if passed == #read then
    read_more()
  end
end

-- The next item leaves the list.
local function next_item(forwards)
  look_at_next(forwards)
  local item = read[passed + 1]
  passed, behind, to_go = passed + 1, behind + 1, to_go - 1
  behind_bytes = behind_bytes + #item
  return item
end

-- The item so many places behind the first one, and whether it had to be read by itself.
local function item_behind(ahead)
  if not is_forward then
    read_anew()
  end
  local known = 0
  while passed + ahead >= #read and ahead * mean_bytes <= 65536 and #read - passed > known do
    known = #read - passed
    read_more()
  end
  local item = read[passed + ahead + 1]
  return item or item_in(behind + ahead), not item
end

-- Move the first so many of those that are not yet turned to those that are; or with `forwards` false
-- the last of those that are turned back. Ends early once the bytes that may be moved are spent.
-- Returns how many are left.
local function pass_on(forwards, count)
  while count > 0 and budget > 0 do
    look_at_next(forwards)
    local first, last, size = passed + 1, math.min(#read, passed + count), 0
    if last < first then
      break
    end
    if forwards and turn.turned == 0 then
      turn.edge = mark_of(read[first])
    end
    for i = first, last do
      moved[#moved + 1], size = read[i], size + #read[i]
    end
    local many = last - passed
    passed, behind, to_go, count = last, behind + many, to_go - many, count - many
    behind_bytes, budget = behind_bytes + size, budget - size - many * step_cost
    many = forwards and many or -many
    turn.turned, turn.rest = turn.turned + many, turn.rest - many
  end
  return count
end

-- Move the first of those that are not yet turned to those that are, another text in its place.
local function forward(instead)
  next_item(true)
  moved[#moved + 1] = instead
  budget = budget - step_cost - #instead
  if turn.turned == 0 then
    turn.edge = mark_of(instead)
  end
  turn.turned, turn.rest = turn.turned + 1, turn.rest - 1
end

-- Put an item before those that are not yet turned.
local function put_first(item)
  if is_forward then
    settle()
    is_forward, read, passed = false, {}, 0
  end
  moved[#moved + 1] = item
  behind_bytes = behind_bytes + #item
end

-- Where others removed items meanwhile, the counts miss the first item of the list by a few. To be
-- called by the script that brings it there: later a worker may have taken it, and another is like it.
local function correct()
  local left = 4194304
  local function is_first(place)
    -- Before the first item is the last one.
    local item = left > 0 and item_in(place)
    left = left - (item and #item or 0)
    return item and mark_of(item) == turn.edge
  end
  for away = 0, 50 do
    if is_first(away) or away > 0 and is_first(-away) then
      local from, to = first_end, last_end
      if not is_first(away) then
        from, to = to, from
      end
      for _ = 1, away do
        redis.call('LMOVE', list, list, from, to)
        tail = nil
      end
      return
    end
  end
end

-- The marks of the last items before so many newcomers.
local function marks_before(count)
  local marks, left = {}, 65536
  while count == 0 and tail and #marks < math.min(#tail, most_marks) and left > 0 do
    local item = tail[#tail - #marks]
    marks[#marks + 1], left = mark_of(item), left - #item
  end
  while #marks < most_marks and left > 0 do
    local item = redis.call('LINDEX', list, index_behind(newest, count + #marks))
    if not item then
      break
    end
    marks[#marks + 1] = mark_of(item)
    left = left - #item
  end
  return table.concat(marks)
end

-- Put newcomers back to the end, and write down how far the turn is.
local function end_step()
  settle()
  local is_in_order = turn.turned == 0 or turn.rest == 0
  if is_in_order and not was_in_order then
    correct()
  end
  for _ = 1, redis.call('LLEN', apart) do
    redis.call('LMOVE', apart, list, 'LEFT', last_end)
  end
  local length = redis.call('LLEN', list)
  turn.newcomers = length - turn.turned - turn.rest
  if length == 0 or is_in_order and ends then
    redis.call('DEL', state)
    return
  end
  if turn.turned == 0 or not turn.edge then
    turn.edge = mark_of(item_in(0))
  end
  local numbers = {now, turn.turned, turn.newcomers, length}
  for i, number in ipairs(numbers) do
    numbers[i] = string.format('%d', number)
  end
  local text = {owner, table.concat(numbers, ' '), turn.edge, marks_before(turn.newcomers)}
  text[#text + 1] = newest == 'head' and newest or nil
  redis.call('SET', state, table.concat(text, ' '), 'EX', 604800)
end
