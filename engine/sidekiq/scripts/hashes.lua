-- Read hashes whole, but no huge one and no huge value.
--
-- KEYS[1..n] hashes
-- ARGV[1] most fields of a hash   ARGV[2] longest value that is returned whole, in bytes
-- Returns for each hash {field, value, ...}; its number of fields when that is more than ARGV[1];
-- the error as a text. In place of a longer value its length. Cost: O(fields) and the bytes of
-- short values; read-only.
local most, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local function read(key)
  local found, short = {}, {}
  local function read_short()
    local values = #short > 0 and redis.call('HMGET', key, unpack(short)) or {}
    for i, value in ipairs(values) do
      found[#found + 1] = short[i]
      found[#found + 1] = value
    end
    short = {}
  end
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local size = redis.call('HSTRLEN', key, field)
    if size > longest then
      found[#found + 1] = field
      found[#found + 1] = size
    else
      short[#short + 1] = field
      if #short == 1000 then
        read_short()
      end
    end
  end
  read_short()
  return found
end
local out = {}
for i, key in ipairs(KEYS) do
  local count = redis.pcall('HLEN', key)
  if type(count) ~= 'number' then
    out[i] = count.err
  elseif count > most then
    out[i] = count
  else
    out[i] = count > 0 and read(key) or {}
  end
end
return out
