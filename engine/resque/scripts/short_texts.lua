-- As beginnings.lua, for texts that were short a moment ago: one call for all instead of two for
-- each, which is what costs most. One that has grown is copied inside the server, once; it is not
-- carried over the wire.
--
-- KEYS[1..n] texts, at most some thousand
-- ARGV[1] longest text in bytes
-- Returns for each: the text; when longer than ARGV[1], {its beginning, its length}; false when
-- there is none; {an error, -1} for another kind of value. Cost: O(n + bytes of the texts);
-- read-only.
local limit = tonumber(ARGV[1])
local out = redis.call('MGET', unpack(KEYS))
local missing = {}
for i = 1, #KEYS do
  local text = out[i]
  if not text then
    missing[#missing + 1] = KEYS[i]
  elseif #text > limit then
    out[i] = {string.sub(text, 1, limit), #text}
  end
end
-- To MGET another kind of value is as good as none.
local there = #missing > 0 and redis.pcall('EXISTS', unpack(missing))
if type(there) == 'number' and there > 0 then
  for i = 1, #KEYS do
    if not out[i] then
      local size = redis.pcall('STRLEN', KEYS[i])
      out[i] = type(size) == 'table' and {size.err, -1} or false
    end
  end
end
return out
