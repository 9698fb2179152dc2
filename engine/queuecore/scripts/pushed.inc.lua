-- Included by scripts that take back what an operation pushed onto queues, where no worker has
-- taken it yet, and the names of queues that it made.
--
-- No KEYS and no ARGV of its own. Cost: O(distance of what was pushed to the end that it was pushed
-- to), about 16 ns a place; `walked` counts the places.
local walked = 0
-- The queues that the operation made, by their keys.
local made = {}

-- Look up which of the keys KEYS[first], KEYS[first + step] and so on the operation made, by its hash.
local function find_made(operation, first, step)
  for i = first, #KEYS, step do
    made[KEYS[i]] = redis.call('HGET', operation, 'made:' .. KEYS[i]) or nil
  end
end

-- Whether what was pushed is still there: then it is taken off. It is looked for from the end of the
-- list, or with 1 as `from` from the head.
local function take_off(pushed_to, payload, from)
  from = from or -1
  local at = redis.pcall('LPOS', pushed_to, payload, 'RANK', from)
  -- Of another kind by now: what was pushed is gone.
  local there = type(at) == 'number'
  local length = type(at) == 'table' and 0 or redis.call('LLEN', pushed_to)
  walked = walked + 2 * (there and (from == 1 and at + 1 or length - at) or length)
  if there then
    redis.call('LREM', pushed_to, from, payload)
  end
  return there
end

-- Take the names of those queues off the set that are empty again.
local function forget_made(operation, queues)
  for key, name in pairs(made) do
    if redis.call('EXISTS', key) == 0 then
      redis.call('SREM', queues, name)
      redis.call('HDEL', operation, 'made:' .. key)
    end
  end
end
