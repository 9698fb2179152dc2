-- Read texts without carrying huge ones over the wire.
--
-- KEYS[1..n] texts
-- ARGV[1] longest text in bytes
-- Returns for each: the text; when longer than ARGV[1], {its beginning, its length}; false when
-- there is none; {the error, -1} when it cannot be read. Cost: O(n x ARGV[1]); read-only.
local limit = tonumber(ARGV[1])
local out = {}
for i, key in ipairs(KEYS) do
  local size = redis.pcall('STRLEN', key)
  if type(size) ~= 'number' then
    out[i] = {size.err, -1}
  elseif size > limit then
    out[i] = {redis.call('GETRANGE', key, 0, limit - 1), size}
  else
    out[i] = redis.call('GET', key)
  end
end
return out
