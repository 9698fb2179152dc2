-- Read what the master has published, and who the master is.
--
-- KEYS[1] the master lock   KEYS[2] the hash that schedules are published in
-- ARGV[1] longest content in bytes
-- Returns {the master, who has published, the content or its length}; absent ones are ''. Names are
-- cut to 512 bytes. Cost: O(size); read-only.
local master = redis.call('GET', KEYS[1]) or ''
local owner = redis.call('HGET', KEYS[2], 'owner') or ''
local content = redis.call('HGET', KEYS[2], 'content') or ''
if #content > tonumber(ARGV[1]) then
  content = #content
end
return {string.sub(master, 1, 512), string.sub(owner, 1, 512), content}
