-- Included by scripts that read what a process's threads run.
--
-- include ends.inc.lua
--
-- No KEYS and no ARGV of its own. Cost: O(threads), and the bytes of what they run, of which at
-- most 8 MiB are read beyond what is returned.
local huge_left = 8388608

-- {thread, what it runs, ...} from the first of two hashes that is there: what is longer than
-- `longest` bytes as `ends_of` gives it, with empty ends when 8 MiB of that were read before. The
-- number of threads alone when there are more than `most`; an error as a text. Then which of the
-- two it is, 0 for none.
local function threads_of(keys, longest, most)
  local which, count = 0, 0
  for i, key in ipairs(keys) do
    count = redis.pcall('HLEN', key)
    if type(count) ~= 'number' then
      return count.err, i
    end
    if count > 0 then
      which = i
      break
    end
  end
  if count == 0 then
    return {}, 0
  end
  if count > most then
    return count, which
  end
  local key, found, short = keys[which], {}, {}
  local function read_short()
    if #short == 0 then
      return
    end
    local texts = redis.call('HMGET', key, unpack(short))
    for i, text in ipairs(texts) do
      found[#found + 1] = short[i]
      found[#found + 1] = text
    end
    short = {}
  end
  for _, thread in ipairs(redis.call('HKEYS', key)) do
    local size = redis.call('HSTRLEN', key, thread)
    if size <= longest then
      short[#short + 1] = thread
      if #short == 1000 then
        read_short()
      end
    else
      found[#found + 1] = thread
      found[#found + 1] = huge_left <= 0 and {'', '', size}
        or ends_of(redis.call('HGET', key, thread), longest)
      huge_left = huge_left - size
    end
  end
  read_short()
  return found, which
end
