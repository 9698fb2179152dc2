-- Included by a script that puts items into the depths of a list, which Redis does one by one, each
-- time walking there from the head: holds a gap open instead. What is between the gap and the
-- nearer end is set aside, in memory, until the same script closes the gap.
--
-- No KEYS and no ARGV of its own. Cost: O(distance between gap and end), about 0.3 us an item and
-- 1.3 ns a byte.
local aside, side, gap_list = {}, nil, nil

-- Move the gap to a place from the head, counting what is set aside; at most to the end.
local function gap_to(place)
  local total = #aside + redis.call('LLEN', gap_list)
  place = math.min(place, total)
  local wanted = side == 'L' and place or total - place
  while #aside < wanted do
    local taken = redis.call(side .. 'POP', gap_list, math.min(500, wanted - #aside))
    for _, item in ipairs(taken) do
      aside[#aside + 1] = item
    end
  end
  while #aside > wanted do
    local back = {}
    for i = 1, math.min(500, #aside - wanted) do
      back[i], aside[#aside] = aside[#aside], nil
    end
    redis.call(side .. 'PUSH', gap_list, unpack(back))
  end
end

local function open_gap(list, place, blank)
  local length = redis.call('LLEN', list)
  gap_list, side = list, place * 2 <= length and 'L' or 'R'
  -- Whatever forbids one of these does so here, before anything is set aside. First the one that
  -- needs no memory: then a server out of memory lets the script go on.
  redis.call(side .. 'POP', list, 0)
  redis.call(side .. 'PUSH', list, blank)
  redis.call(side .. 'POP', list, 1)
  gap_to(place)
end

local function put_into_gap(place, item)
  gap_to(place)
  redis.call(side .. 'PUSH', gap_list, item)
end

local function close_gap()
  gap_to(side == 'L' and 0 or math.huge)
end
