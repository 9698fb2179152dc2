-- Included by scripts that ask whose a worker's id is. The value of a claim's key: 32 figures that
-- its process made up, a blank, the mark of the record that it wrote last (40 figures or dashes), a
-- blank, where the process is. No KEYS and no ARGV of its own. Cost: that of 4 KiB of SHA-1.
local function bears(claim, token)
  return claim and string.sub(claim, 1, 32) == token
end
local function mark_of(record)
  -- Of its beginning, which has the queue, the second and the class: a record may be large.
  return redis.sha1hex(string.sub(record, 1, 4096))
end
local function wrote(claim, record)
  return string.sub(claim, 34, 73) == mark_of(record)
end
