-- Included by scripts that put items back to where they were in a list, the last that was removed
-- first, and undo what was pushed for each: after turning.inc.lua and pushed.inc.lua. The list is
-- turned until the place comes to its head, where no one has to walk. What is put back leaves the
-- operation's memory in the same step: nothing is ever restored twice.
--
-- KEYS[8] the operation's hash   KEYS[9] what it removed, four texts for each item
-- ARGV[after + 1] how many items to put back; of as many after them the lists pushed to are returned
local operation, memory = KEYS[8], KEYS[9]
local most = tonumber(ARGV[after + 1])
need('LTRIM', memory)
need('HGET HSET HDEL HINCRBY', operation)
need('SREM', KEYS[5])

-- Turn until so many are turned. Returns whether they are.
local function turn_to(place)
  if turn.turned == 0 and place > turn.rest / 2 or turn.rest == 0 and place < turn.turned / 2 then
    -- Either way the list is in its order.
    turn.turned, turn.rest = turn.rest, turn.turned
  end
  while turn.turned ~= place and budget > 0 do
    if turn.turned < place then
      forward()
    else
      backward()
    end
  end
  return turn.turned == place
end

-- Put items back: KEYS[first..] are the lists they may have been pushed to. `place_of` says where an
-- item was, nil where it is not for this script; `take_back` undoes what was pushed and says whether
-- it could; `is_back` gets what has come back. Returns {1, turned, not yet turned, how many were put
-- back, how many can not be any more, how many remain, {the lists that the next ones were pushed
-- to}}. It ends early at an item that was pushed to another list than these, or to the list itself;
-- after the bytes that it may move; or after 250,000 places walked over.
local function put_back(first, place_of, take_back, is_back)
  if redis.call('EXISTS', operation) == 0 then
    return {1, turn.turned, turn.rest, 0, 0, -1, {}}
  end
  begin_turn()
  find_made(operation, first, 1)
  local is_known = {['']= true}
  for i = first, #KEYS do
    is_known[KEYS[i]] = KEYS[i] ~= list
  end
  local done, lost = 0, 0
  while done + lost < most and walked < 250000 and budget > 0 do
    local at = -4 * (done + lost + 1)
    local part = redis.call('LRANGE', memory, at, at + 3)
    local place = #part == 4 and place_of(part)
    if not place or not is_known[part[3]] then
      break
    end
    if not turn_to(math.min(place, turn.turned + turn.rest)) then
      break
    end
    if take_back(part) then
      put_first(part[2])
      turn.rest, done = turn.rest + 1, done + 1
      if turn.turned == 0 then
        turn.edge = mark_of(part[2])
      end
      is_back(part)
    else
      lost = lost + 1
    end
    budget = budget - step_cost - #part[2]
  end
  if done + lost > 0 then
    redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
    -- For who comes when this program was killed and nothing is left to put back.
    redis.call('HSET', operation, 'turned', list)
  end
  if done > 0 then
    forget_made(operation, KEYS[5])
    redis.call('HINCRBY', operation, 'undone', done)
    note('undo', done)
  end
  end_step()
  local lists = {}
  for i = 1, most do
    local pushed_to = redis.call('LINDEX', memory, -4 * i + 2)
    if pushed_to and pushed_to ~= '' and not lists[pushed_to] then
      lists[pushed_to] = true
      lists[#lists + 1] = pushed_to
    end
  end
  return {1, turn.turned, turn.rest, done, lost, redis.call('LLEN', memory) / 4, lists}
end
