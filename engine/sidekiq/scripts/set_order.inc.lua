-- Included by scripts that look for a place in a sorted set by score and member: by score, and among
-- equal scores by their bytes, as Redis orders them.
--
-- No KEYS and no ARGV of its own. Cost of `bound`: O(log n) looks at members of that score, each of
-- which is copied, however large; read-only.

-- Below 0, 0 or above it: how two texts compare, byte by byte. Lua's own `<` goes by the locale.
local function compare(a, b)
  local same, beyond = 0, math.min(#a, #b) + 1
  while beyond - same > 1 do
    local middle = math.floor((same + beyond) / 2)
    if string.sub(a, same + 1, middle) == string.sub(b, same + 1, middle) then
      same = middle
    else
      beyond = middle
    end
  end
  return (string.byte(a, same + 1) or -1) - (string.byte(b, same + 1) or -1)
end

-- How many entries, from the lowest on, come before those of a score whose first `length` bytes (-1:
-- all) are `text`; with `past` these are counted, too.
local function bound(set, score, text, length, past)
  local low = redis.call('ZCOUNT', set, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', set, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = redis.call('ZRANGE', set, middle, middle)[1]
    local order = compare(string.sub(member, 1, length), text)
    if order < 0 or (past and order == 0) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end
