"""Redis: jobs that belong to keys. Keys take turns, so that one key's hundred thousand jobs do not delay another key's first.

    lines    every ready job with a key; score 0, so that it is sorted by member: by key, then rank, then id
    slots    every leased job with a key, in the same way: counting a key's slots is counting between two members
    turns    the keys that may be served; score: the rank of their best job, then how often they were served
    parked   the keys that may not, being at a limit; score: when to look again at the latest

Of the keys whose jobs rank best, the one is next that was served least. A key that comes anew starts with as many servings as
the least served one has. One that has no job left stays until its turn comes, so that whoever submits job after job gets no
more turns than others do. Jobs without a key are one more party, under the empty name. What a take costs depends on the jobs
that it takes, not on the number of keys that wait.
"""

from __future__ import annotations

from chalicelib.throttle import parked_of

MOST_SERVED = 500  # jobs with keys a look: some milliseconds of Redis's time, for which everybody else waits
LOOK_AGAIN_MS = 60_000  # at a key without a free slot: it is called up as soon as one is free, should nobody lose that


def turns_of(queue: str) -> tuple[str, str, str, str]:
    """Lines, slots, turns, parked. Only the first is one of the queue's sets: the others follow from it and ``leased``."""
    return f"{{q:{queue}}}:lines", f"slots:{{q:{queue}}}", f"turns:{{q:{queue}}}", parked_of(queue)


# What scripts that know LINES, SLOTS, TURNS and PARKED have in common.
CALL_UP = """
local STEP = 1e13
local function is_keyed(m) return #m > 17 end
local function key_of(m) return string.sub(m, 1, 8) end
local function rank_of(m) return string.byte(m, #m - 16) end
local function line(of) return '[' .. of, '(' .. of .. '\\255' end

local function enter(key, rank)
  local first = rank * STEP
  local least = redis.call('ZRANGEBYSCORE', TURNS, first, '(' .. (first + STEP), 'WITHSCORES', 'LIMIT', 0, 1)[2]
  redis.call('ZADD', TURNS, least or first, key)
end

-- A key gets a turn if it has a job and is not parked, or a better one if it has a better job now.
local function call_up(key)
  if redis.call('ZSCORE', PARKED, key) then return end
  local from, to = line(key)
  local head = redis.call('ZRANGEBYLEX', LINES, from, to, 'LIMIT', 0, 1)[1]
  if not head then return end
  local turn = redis.call('ZSCORE', TURNS, key)
  if not turn or tonumber(turn) >= (rank_of(head) + 1) * STEP then enter(key, rank_of(head)) end
end

local function keys_of(members)
  local seen, keys = {}, {}
  for _, m in ipairs(members) do
    local key = key_of(m)
    if not seen[key] then seen[key], keys[#keys + 1] = true, key end
  end
  return keys
end
"""

# The part of ``take`` that serves keys. It knows READY and LEASED too, and when the new leases end. What it hands out is leased
# after each round, for the next one to count.
SERVE = (
    """
-- Slots without a lease: somebody has removed the lease by hand. Looked for where they matter, among as many as the key may have.
-- Returns how many.
local function forget_phantoms(key)
  local phantoms, from, to = 0, line(key)
  for _, m in ipairs(redis.call('ZRANGEBYLEX', SLOTS, from, to)) do
    if not redis.call('ZSCORE', LEASED, m) then phantoms = phantoms + redis.call('ZREM', SLOTS, m) end
  end
  return phantoms
end

-- How many of a key's jobs may start now; where it is none, ms until one may; and when its next start is due.
local function room(key)
  if key == '' then return 1e9 end
  local free = key_slots and key_slots - redis.call('ZLEXCOUNT', SLOTS, line(key)) or 1e9
  if free < 1 then free = free + forget_phantoms(key) end
  if free < 1 then return 0, """
    + str(LOOK_AGAIN_MS)
    + """ end
  if not key_interval then return free end
  local count, wait, due = pace(key, tonumber(key_interval), tonumber(key_burst))
  return math.min(free, count), wait, due
end

local function first_of(key, rank, count)
  if key == '' then
    return redis.call('ZRANGEBYSCORE', READY, rank * STEP, '(' .. (rank + 1) * STEP, 'LIMIT', 0, count)
  end
  local from = key .. string.char(rank)
  return redis.call('ZRANGEBYLEX', LINES, '[' .. from, '(' .. key .. string.char(rank + 1), 'LIMIT', 0, count)
end

-- Jobs without a key have the turn that their best job ranks; where there are none left, it stays until it comes.
local function call_up_plain()
  local head = redis.call('ZRANGE', READY, 0, 0, 'WITHSCORES')[2]
  local turn = redis.call('ZSCORE', TURNS, '')
  if head and (not turn or math.floor(turn / STEP) ~= math.floor(head / STEP)) then enter('', math.floor(head / STEP)) end
end

-- Up to ``most`` of a key's jobs, all of the same rank. Notes its next turn, and its next start.
local function serve(key, turn, most, turns, starts)
  local free, wait, due = room(key)
  if free < 1 then
    redis.call('ZREM', TURNS, key)
    local from, to = line(key)
    if redis.call('ZLEXCOUNT', LINES, from, to) > 0 then redis.call('ZADD', PARKED, now + wait, key) end
    return {}
  end
  local members = first_of(key, math.floor(turn / STEP), math.min(most, free))
  if #members == 0 then
    redis.call('ZREM', TURNS, key)
    if key == '' then call_up_plain() else call_up(key) end
    return members
  end
  turns[#turns + 1], turns[#turns + 2] = turn + #members, key
  if due then starts[#starts + 1], starts[#starts + 2] = due + #members * key_interval, key end
  return members
end

-- Each of some keys once. ``waiting``: keys and their turns, as ZRANGE gives them. Returns what each got.
local function serve_round(waiting, most)
  local share, left = math.ceil(most / (#waiting / 2)), most
  local served, plain, keyed, turns, starts = {}, {}, {}, {}, {}
  for i = 1, #waiting, 2 do
    local members = left > 0 and serve(waiting[i], tonumber(waiting[i + 1]), math.min(share, left), turns, starts) or {}
    local kind = waiting[i] == '' and plain or keyed
    for _, m in ipairs(members) do kind[#kind + 1] = m end
    left, served[#served + 1] = left - #members, members
  end
  remove(plain, READY)
  remove(keyed, LINES)
  add(plain, LEASED, lease_end)
  add(keyed, LEASED, lease_end)
  add(keyed, SLOTS, 0)
  charge(starts)
  if #turns > 0 then redis.call('ZADD', TURNS, unpack(turns)) end
  return served, share
end

-- Rounds over the keys whose jobs rank best. A look ends after so many jobs, or visits that found nothing: the next goes on.
local function serve_in_turns(most)
  local taken, visits = {}, 0
  most = math.min(most, """
    + str(MOST_SERVED)
    + """)
  call_up_plain()
  while #taken < most and visits < 2 * most + 200 do
    local best = redis.call('ZRANGE', TURNS, 0, 0, 'WITHSCORES')[2]
    if not best then break end
    local first = math.floor(best / STEP) * STEP
    local waiting = redis.call('ZRANGEBYSCORE', TURNS, first, '(' .. (first + STEP), 'WITHSCORES', 'LIMIT', 0, most - #taken)
    local served, share = serve_round(waiting, most - #taken)
    for n = 1, share do
      for _, members in ipairs(served) do taken[#taken + 1] = members[n] end
    end
    visits = visits + #waiting / 2
  end
  return taken
end
"""
)
