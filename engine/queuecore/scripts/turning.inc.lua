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
need('LTRIM LPUSH RPUSH LINDEX', list)
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
local function push_first(item)
  if first_end == 'LEFT' then
    redis.call('LPUSH', list, item)
  else
    redis.call('RPUSH', list, item)
  end
end
local function drop_first()
  redis.call('LTRIM', list, first_end == 'LEFT' and 1 or 0, first_end == 'LEFT' and -1 or -2)
end
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

-- Move the first of those that are not yet turned to those that are.
local function forward()
  local item = redis.call('LMOVE', list, list, first_end, last_end)
  budget = budget - step_cost - #item
  if turn.turned == 0 then
    turn.edge = mark_of(item)
  end
  turn.turned, turn.rest = turn.turned + 1, turn.rest - 1
end

-- Move the last of those that are turned back.
local function backward()
  local item = redis.call('LMOVE', list, list, last_end, first_end)
  budget = budget - step_cost - #item
  turn.turned, turn.rest = turn.turned - 1, turn.rest + 1
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
      end
      return
    end
  end
end

-- The marks of the last items before so many newcomers.
local function marks_before(count)
  local marks, left = {}, 65536
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
