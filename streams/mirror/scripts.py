"""The writes as Lua: each compares versions and writes in one step, so no reader sees half of it.

`KEYS` come first, then `ARGV`; each returns 1 when it wrote and 0 when a newer record was here before. Keys of
promotions are made inside a script: one Redis, or one with replicas, but not a cluster.
"""

PUT_PROFILE = """
local held = redis.call('HGET', KEYS[1], 'v')
if held and held >= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'd', ARGV[2])
redis.call('PERSIST', KEYS[1])
return 1
"""

#: KEYS: profile, inbox. ARGV: version, ms that the version is kept, prefix of promotions, broker's time (ms).
DROP_PROFILE = """
local held = redis.call('HGET', KEYS[1], 'v')
if held and held >= ARGV[1] then return 0 end
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do redis.call('DEL', ARGV[3] .. id) end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'v', ARGV[1], 't', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

#: KEYS: promotion, inbox, profile. ARGV: version, value, expires at (ms), at (ms), id, prefix of promotions,
#: promotions kept, broker's time (ms). A promotion that is not younger than its shopper's erasure stays out. The inbox forgets what has expired and lives as long as its longest promotion.
OFFER = """
local held = redis.call('HGET', KEYS[1], 'v')
if held and held >= ARGV[1] then return 0 end
local erased = redis.call('HGET', KEYS[3], 't')
if erased and tonumber(erased) >= tonumber(ARGV[8]) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'd', ARGV[2])
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5])
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if redis.call('EXISTS', ARGV[6] .. id) == 0 then redis.call('ZREM', KEYS[2], id) end
end
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[7])
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do redis.call('DEL', ARGV[6] .. id) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
end
local left = redis.call('PTTL', KEYS[1])
if redis.call('PTTL', KEYS[2]) < left then redis.call('PEXPIRE', KEYS[2], left) end
return 1
"""

#: KEYS: promotion, inbox. ARGV: version, id, ms that the version is kept.
REVOKE = """
local held = redis.call('HGET', KEYS[1], 'v')
if held and held >= ARGV[1] then return 0 end
local keep = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', ARGV[1])
redis.call('PEXPIRE', KEYS[1], keep)
redis.call('ZREM', KEYS[2], ARGV[2])
return 1
"""

#: Note what is written. ARGV: epoch, then field, expected and new offset of each partition. 0 when another
#: mirror, a lost or an older Redis has come in between: then nothing is noted.
ADVANCE = """
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[1], ARGV[i]) or '0'
  if held ~= ARGV[i + 1] and held ~= ARGV[i + 2] then return 0 end
end
for i = 2, #ARGV, 3 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
return 1
"""

#: Begin to read everything again. ARGV: field and value of each entry.
BEGIN = """
redis.call('DEL', KEYS[1])
for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""

#: Erase a profile that the newest reading did not find. ARGV: the oldest version that stays.
SWEEP = """
local held = redis.call('HGET', KEYS[1], 'v')
if held and held >= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
