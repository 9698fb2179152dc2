-- Included by scripts that put items back to where they were in a list, the last that was removed
-- first, and undo what was pushed for each: after turning.inc.lua and pushed.inc.lua. The list is
-- turned until the place comes to its head, where no one has to walk. What is put back leaves the
-- operation's memory in the same step: nothing is ever restored twice.
--
-- KEYS[8] the operation's hash   KEYS[9] what it removed, four texts for each item
-- ARGV[after + 1] how many items to put back; the lists that the next ones were pushed to are returned
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
  pass_on(true, place - turn.turned)
  pass_on(false, turn.turned - place)
  return turn.turned == place
end

-- How far before its place, as it was written down, the item is that took the place of another: others
-- took items from the list meanwhile.
local away = tonumber(redis.call('HGET', operation, 'away') or 0) or 0
local reach = 50

-- Put an item back into the place in which another one is by now, once the list is turned to it. Returns
-- true, false where the other one is surely not there any more, nil where it is not near.
local function instead_of(part, place)
  local at = place - away
  if at < -reach then
    return false
  end
  if not turn_to(math.max(0, math.min(at, turn.turned + turn.rest))) then
    return nil
  end
  read_anew()
  for step = 0, 2 * reach do
    local from_here = step % 2 == 0 and step / 2 or -(step + 1) / 2
    local is_here = from_here < turn.rest and -from_here <= turn.turned
    if is_here and item_in(from_here) == part[4] then
      redis.call('LSET', list, index_of(newest, from_here), part[2])
      away = place - turn.turned - from_here
      return true
    end
  end
  return nil
end

-- Put items back: KEYS[first..] are the lists they may have been pushed to. `place_of` says where an
-- item was, nil where it is not for this script; `take_back` undoes what was pushed and says whether
-- it could; `is_back` gets what has come back; `is_edit`, if there is one, says whether another item took
-- the place of this one. Returns {1, turned, not yet turned, how many were put
-- back, how many can not be any more, how many remain, {the lists that the next ones were pushed
-- to}}. It ends early at an item that was pushed to another list than these, or to the list itself;
-- after the bytes that it may move; or after 250,000 places walked over.
local function put_back(first, place_of, take_back, is_back, is_edit)
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
    local is_done
    if is_edit and is_edit(part) then
      is_done = instead_of(part, place)
      if is_done == nil then
        break
      end
    else
      if not turn_to(math.min(place, turn.turned + turn.rest)) then
        break
      end
      is_done = take_back(part)
      if is_done then
        put_first(part[2])
        turn.rest = turn.rest + 1
        if turn.turned == 0 then
          turn.edge = mark_of(part[2])
        end
        is_back(part)
      end
    end
    if is_done then
      done = done + 1
    else
      lost = lost + 1
    end
    budget = budget - step_cost - #part[2]
  end
  if done + lost > 0 then
    redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
    -- For who comes when this program was killed and nothing is left to put back.
    redis.call('HSET', operation, 'turned', list, 'away', string.format('%d', away))
  end
  if done > 0 then
    forget_made(operation, KEYS[5])
    redis.call('HINCRBY', operation, 'undone', done)
    note('undo', done)
  end
  end_step()
  local lists = {}
  -- The next script comes as far as this one, or a little further.
  for i = 1, math.min(most, math.max(100, done + lost + 20)) do
    local pushed_to = redis.call('LINDEX', memory, -4 * i + 2)
    if pushed_to and pushed_to ~= '' and not lists[pushed_to] then
      lists[pushed_to] = true
      lists[#lists + 1] = pushed_to
    end
  end
  return {1, turn.turned, turn.rest, done, lost, redis.call('LLEN', memory) / 4, lists}
end
