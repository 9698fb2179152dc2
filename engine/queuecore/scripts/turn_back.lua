-- Put items back to where they were in a list, the last that was removed first, and undo what was
-- pushed for each. The list is turned until the place comes to its head, where no one has to walk.
-- What is put back leaves the operation's memory in the same step: nothing is ever restored twice.
--
-- include turning.inc.lua
-- include pushed.inc.lua
--
-- KEYS[8] the operation's hash   KEYS[9] what it removed, four texts for each item as in undo.lua
-- KEYS[10..] the queues it may have pushed to
-- After the arguments of turning.inc.lua, ARGV holds how many items to put back, and of as many after
-- them the queues are returned.
-- Returns {1, turned, not yet turned, how many were put back, how many can not be any more, how many
-- remain, {the queues that the next ones were pushed to}}; else what `busy` is. It ends early at
-- an item that was pushed to another queue than these, or to the list itself.
-- Cost: O(places turned + items), and to take off what was pushed; it ends early after the bytes that
-- it may move, or 250,000 places walked over.
local operation, memory = KEYS[8], KEYS[9]
local most = tonumber(ARGV[after + 1])
need('LTRIM', memory)
need('HGET HDEL HINCRBY', operation)
need('SREM', KEYS[5])
local is_known = {['']= true}
for i = 10, #KEYS do
  need('LREM', KEYS[i])
  is_known[KEYS[i]] = KEYS[i] ~= list
end
if refused or busy then
  return refused or busy
end
if redis.call('EXISTS', operation) == 0 then
  return {1, turn.turned, turn.rest, 0, 0, -1, {}}
end
begin_turn()
find_made(operation, 10)
local done, lost = 0, 0
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
while done + lost < most and walked < 250000 and budget > 0 do
  local at = -4 * (done + lost + 1)
  local part = redis.call('LRANGE', memory, at, at + 3)
  local place = #part == 4 and string.match(part[1], '^%d+$') and tonumber(part[1])
  if not place or not is_known[part[3]] then
    break
  end
  if not turn_to(math.min(place, turn.turned + turn.rest)) then
    break
  end
  if part[3] == '' or take_off(part[3], part[4]) then
    redis.call('LPUSH', list, part[2])
    turn.rest, done = turn.rest + 1, done + 1
    if turn.turned == 0 then
      turn.edge = mark_of(part[2])
    end
  else
    lost = lost + 1
  end
  budget = budget - step_cost - #part[2]
end
if done + lost > 0 then
  redis.call('LTRIM', memory, 0, -4 * (done + lost) - 1)
end
if done > 0 then
  forget_made(operation, KEYS[5])
  redis.call('HINCRBY', operation, 'undone', done)
  note('undo', done)
end
end_step()
local queues = {}
for i = 1, most do
  local queue = redis.call('LINDEX', memory, -4 * i + 2)
  if queue and queue ~= '' and not queues[queue] then
    queues[queue] = true
    queues[#queues + 1] = queue
  end
end
return {1, turn.turned, turn.rest, done, lost, redis.call('LLEN', memory) / 4, queues}
