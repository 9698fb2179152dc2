-- Included by scripts that take something away before they put it elsewhere: Redis keeps what a
-- script did before one of its commands was refused, so all rights are made sure of first.
--
-- No KEYS and no ARGV of its own. `need` is for commands and the keys they are run on; when the
-- user may not run one of them, `refused` is the error to return, before anything is written.
-- A server before Redis 7 cannot be asked: there everything counts as allowed.
-- Cost: about 1 us a command.
local refused
local function need(commands, ...)
  for command in string.gmatch(commands, '%u+') do
    if not refused and redis.acl_check_cmd and not redis.acl_check_cmd(command, ...) then
      refused = redis.error_reply('NOPERM this user may not run ' .. command .. ' on ' .. select(1, ...))
    end
  end
end
