"""The two scripts with which Redis keeps a log of leases.

The log is a sorted set of names. The score of a lease is the time when it becomes free, by the clock of the Redis server. The
mark of the log is the only name with a negative score: minus the time from which the log lends. The mark begins with the id of
this run of the server. So a log that Redis read from disk, or that a replica took over, counts as a new log: it may lack leases.
"""

# What both scripts begin with. KEYS: the log. ARGV: seconds that a lease is kept if its holder dies, seconds in which a new log
# lends nothing, the rest of a new mark.
LOG = """
local log, kept, grace = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function put(name, till) redis.call('ZADD', log, string.format('%.6f', till), name) end
local server = redis.pcall('INFO', 'server')
local run = type(server) == 'string' and string.match(server, 'run_id:(%w+)') or ''
local first = redis.call('ZRANGE', log, 0, 0, 'WITHSCORES')
local mark, lends_from = first[1], -tonumber(first[2] or 0)
if lends_from <= 0 or string.sub(mark, 1, #run) ~= run then
  if lends_from > 0 then redis.call('ZREM', log, mark) end
  mark, lends_from = run .. ARGV[3], now + grace
  put(mark, -lends_from)
elseif lends_from > now + grace then -- the clock was set back
  lends_from = now + grace
  put(mark, -lends_from)
end
redis.call('ZREMRANGEBYSCORE', log, 0, string.format('%.6f', now))
for _, name in ipairs(redis.call('ZRANGEBYSCORE', log, string.format('(%.6f', now + kept), '+inf')) do
  put(name, now + kept) -- no lease is kept longer, so the clock was set back
end
redis.call('PEXPIRE', log, math.ceil(kept * 1000) + 604800000) -- a week longer than the last lease
"""

# More ARGV: the lease's name, the limit of all leases, the limit of the walks' leases.
# Returns the mark, and the milliseconds to wait, or -1 if the lease was taken.
TAKE = (
    LOG
    + """
local function wait(till) return {mark, math.max(math.ceil((till - now) * 1000), 0)} end
if lends_from > now then return wait(lends_from) end
if redis.call('ZSCORE', log, ARGV[4]) then return {mark, -1} end -- the answer was lost on the way
if redis.call('ZCARD', log) - 1 >= tonumber(ARGV[5]) then return wait(redis.call('ZRANGE', log, 1, 1, 'WITHSCORES')[2]) end
if string.sub(ARGV[4], 1, 4) == 'walk' and tonumber(ARGV[6]) < tonumber(ARGV[5]) then
  local leases, walks, soonest = redis.call('ZRANGE', log, 1, -1, 'WITHSCORES'), 0, nil
  for index = 1, #leases, 2 do
    if string.sub(leases[index], 1, 4) == 'walk' then
      walks, soonest = walks + 1, soonest or leases[index + 1]
    end
  end
  if walks >= tonumber(ARGV[6]) then return wait(soonest) end
end
put(ARGV[4], now + kept)
return {mark, -1}
"""
)

# More ARGV: pairs of a name and the seconds until the lease becomes free. Returns the mark, and 0.
GIVE = (
    LOG
    + """
for index = 4, #ARGV, 2 do
  local left = tonumber(ARGV[index + 1])
  if left > 0 then put(ARGV[index], now + left) else redis.call('ZREM', log, ARGV[index]) end
end
return {mark, 0}
"""
)
