-- As beginnings.lua, for texts that were short a moment ago: one call for all instead of two for
-- each, which is what costs most. One that has grown is copied inside the server, once; it is not
-- carried over the wire.
--
-- KEYS[1..n] texts, at most some thousand
-- ARGV[1] longest text in bytes
-- Returns for each: the text; when longer than ARGV[1], {its beginning, its length}; false when
-- there is none, or another kind of value. Cost: O(n + bytes of the texts); read-only.
local limit = tonumber(ARGV[1])
local out = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local text = out[i]
  if text and #text > limit then
    out[i] = {string.sub(text, 1, limit), #text}
  end
end
return out
