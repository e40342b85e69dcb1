"""The scripts by which jobs move between a queue's sets (``queues`` has their keys' names).

Each is one string, put together from parts that have something in common with others.
"""

from __future__ import annotations

from chalicelib.throttle import ALLOWANCE
from chalicelib.turns import CALL_UP, SERVE

# What both sync scripts do. They know COPY and LEASED. A lease ends with what its taker says, not with what others read in the
# row: he may be claiming it just now, and it holds a slot. Jobs that leave ``leased`` where no slot was left are news to workers.
_FREE = """
-- What was said of jobs: members, and scores and members as ZADD takes them, both without those whose leases stay; and these.
local function told(step, lease)
  local all, members, scored, leased = {}, {}, {}, {}
  for i = 4 + step, #ARGV, step do all[#all + 1] = ARGV[i] end
  if lease == 'any' then return all, step == 2 and {unpack(ARGV, 5)}, leased end
  for n, ends in ipairs(redis.call('ZMSCORE', LEASED, unpack(all))) do
    if ends and tonumber(ends) ~= tonumber(lease) then leased[#leased + 1] = all[n]
    else
      members[#members + 1] = all[n]
      scored[#scored + 1], scored[#scored + 2] = ARGV[3 + 2 * n], all[n]
    end
  end
  return members, scored, leased
end

local function leave_leased(members)
  local freed = redis.call('ZREM', LEASED, unpack(members))
  if freed == 0 then return false end
  local most = redis.call('HGET', COPY, 'max_running')
  return most and redis.call('ZCARD', LEASED) + freed >= tonumber(most)
end
"""

# KEYS     ready, delayed, leased; the queue's throttle
# ARGV[1]  channel to wake workers on
# ARGV[2]  the queue's name, which they are told
# ARGV[3]  where the jobs belong: 1 to 3 as in KEYS, 4 for nowhere
# ARGV[4]  which leases end: 'any', or those that end at this time, in ms; 0: none
# ARGV[5…] score and member of each; nowhere: members only
# returns  nothing
SYNC = (
    "local READY, DELAYED, LEASED, COPY = unpack(KEYS)"
    + _FREE
    + """
local place = tonumber(ARGV[3])
local is_news = place == 1 and redis.call('EXISTS', READY) == 0
local soonest = redis.call('ZRANGE', DELAYED, 0, 0)[1]
local members, scored = told(place == 4 and 1 or 2, ARGV[4])
if #members == 0 then return end
if place ~= 1 then redis.call('ZREM', READY, unpack(members)) end
if place ~= 2 then redis.call('ZREM', DELAYED, unpack(members)) end
if place ~= 3 and leave_leased(members) then is_news = true end
if place < 4 then redis.call('ZADD', KEYS[place], unpack(scored)) end
local head = place == 2 and redis.call('ZRANGE', DELAYED, 0, 0)[1]
if is_news or (head and head ~= soonest) then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
"""
)

# The same for jobs with keys. A key whose slot is free now is called up, and workers are woken for it.
# KEYS     lines, delayed, leased, slots, turns, parked; the queue's throttle
# ARGV     as above
# returns  nothing
SYNC_KEYED = (
    "local LINES, DELAYED, LEASED, SLOTS, TURNS, PARKED, COPY = unpack(KEYS)"
    + _FREE
    + CALL_UP
    + """
local place = tonumber(ARGV[3])
local is_news, had_turns = false, redis.call('EXISTS', TURNS) == 1
local soonest = redis.call('ZRANGE', DELAYED, 0, 0)[1]
local function hold_slots(members)
  local slots = {}
  for i, m in ipairs(members) do slots[2 * i - 1], slots[2 * i] = 0, m end
  if #members > 0 then redis.call('ZADD', SLOTS, unpack(slots)) end
end
local members, scored, leased = told(place == 4 and 1 or 2, ARGV[4])
hold_slots(leased)
if #members == 0 then return end
if place ~= 1 then redis.call('ZREM', LINES, unpack(members)) end
if place ~= 2 then redis.call('ZREM', DELAYED, unpack(members)) end
if place ~= 3 and leave_leased(members) then is_news = true end
if place < 4 then redis.call('ZADD', KEYS[place], unpack(scored)) end
if place == 3 then return hold_slots(members) end
local freed = redis.call('ZREM', SLOTS, unpack(members)) > 0
for _, key in ipairs(keys_of(members)) do
  if freed and redis.call('ZREM', PARKED, key) == 1 then is_news = true end
  call_up(key)
end
if not had_turns and redis.call('EXISTS', TURNS) == 1 then is_news = true end
local head = place == 2 and redis.call('ZRANGE', DELAYED, 0, 0)[1]
if is_news or (head and head ~= soonest) then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
"""
)

# What has come due: at most a thousand at once, so that nothing waits long for this script.
_COME_DUE = """
local function come_due(set)
  return redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 1000)
end

-- To where it may be taken. Whatever slot it had is free.
local function line_up(members)
  local ready, keyed = {}, {}
  for _, m in ipairs(members) do
    if is_keyed(m) then keyed[#keyed + 1] = m
    else ready[#ready + 1], ready[#ready + 2] = rank_of(m) * STEP + now, m end
  end
  if #ready > 0 then redis.call('ZADD', READY, unpack(ready)) end
  add(keyed, LINES, 0)
  remove(keyed, SLOTS)
  for _, key in ipairs(keys_of(keyed)) do
    redis.call('ZREM', PARKED, key)
    call_up(key)
  end
end
"""

# Leases that are over. Where slots are counted, such a job goes on in its own, whoever takes it now: its worker may be alive, and
# may only not have reached Redis; then the claim is refused, and nobody else has started meanwhile. It gives its slot up where
# there are more leases than slots.
_TAKE_OVER = """
local function gives_up(m)
  if free_slots() < 0 then return true end
  return key_slots and is_keyed(m) and redis.call('ZLEXCOUNT', SLOTS, line(key_of(m))) > tonumber(key_slots)
end

-- Returns those that go on, at most so many, and ms until more of them may (nil: there are no more).
local function take_over(most)
  local over, given_up, taken, wait = come_due(LEASED), {}, {}, nil
  for _, m in ipairs(over) do
    if not slots and not key_slots or gives_up(m) then
      given_up[#given_up + 1] = m
      redis.call('ZREM', LEASED, m)
      redis.call('ZREM', SLOTS, m)
    elseif #taken >= most then wait = wait or 0
    else
      local count, ms, due = 1, 0, nil
      if is_keyed(m) and key_interval then count, ms, due = pace(key_of(m), tonumber(key_interval), tonumber(key_burst)) end
      if count > 0 then taken[#taken + 1] = m else wait = math.min(wait or ms, ms) end
      if count > 0 and due then charge({due + key_interval, key_of(m)}) end
    end
  end
  add(taken, LEASED, lease_end)
  line_up(given_up)
  return taken, wait
end
"""

# KEYS     ready, delayed, leased, lines; slots, turns, parked; the queue's throttle, its mark and its pace
# ARGV[1]  limit     most jobs to take, at most 2,000
# ARGV[2]  lease_ms  how long they are hidden from other workers
# returns  ms until there may be more (0: there is, -1: nobody can tell), the queue's weight, when the leases end, then members,
#          best first.
#          Where the queue has no slot, or a pace, the wait is the slot's or the pace's: other jobs that come due change nothing.
TAKE = (
    """
local READY, DELAYED, LEASED, LINES, SLOTS, TURNS, PARKED, COPY, MARK, PACE = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease_end = now + ARGV[2]
local function add(members, key, score)
  local parts = {}
  for i, m in ipairs(members) do parts[2 * i - 1], parts[2 * i] = score, m end
  if #parts > 0 then redis.call('ZADD', key, unpack(parts)) end
end
local function remove(members, key)
  if #members > 0 then redis.call('ZREM', key, unpack(members)) end
end
"""
    + CALL_UP
    + ALLOWANCE
    + SERVE
    + _COME_DUE
    + _TAKE_OVER
    + """
local due = come_due(DELAYED)
remove(due, DELAYED)
line_up(due)
due = come_due(PARKED)
remove(due, PARKED)
for _, key in ipairs(due) do call_up(key) end

local most = startable(tonumber(ARGV[1]))
local taken, over_wait = take_over(most)
most = math.min(most - #taken, free_slots())
local fresh = {}
if most > 0 and redis.call('EXISTS', TURNS) == 1 then
  fresh = serve_in_turns(most)
elseif most > 0 then
  for i, m in ipairs(redis.call('ZPOPMIN', READY, most)) do
    if i % 2 == 1 then fresh[#fresh + 1] = m end
  end
  add(fresh, LEASED, lease_end)
end
for _, m in ipairs(fresh) do taken[#taken + 1] = m end
if #taken > 0 and interval then
  charge({next_start('', tonumber(interval), tonumber(burst)) + #taken * interval, ''})
end

local function soonest(sets)
  local wait = over_wait or -1
  for _, set in ipairs(sets) do
    local due = redis.call('ZRANGEBYSCORE', set, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if due and (wait < 0 or due - now < wait) then wait = due - now end
  end
  return math.ceil(wait)
end

local function wait_for_more()
  local waits = redis.call('EXISTS', READY, TURNS) > 0
  if not waits and not over_wait then return soonest({DELAYED, LEASED, PARKED}) end
  local more, wait = startable(1)
  local lacks_slots = free_slots() < 1 and not over_wait
  if more < 1 and (wait < 0 or not lacks_slots) then return wait end
  if waits and free_slots() > 0 then return 0 end
  return soonest(free_slots() > 0 and {DELAYED, LEASED, PARKED} or {LEASED})
end
return {wait_for_more(), weight or '1', lease_end, unpack(taken)}
"""
)
