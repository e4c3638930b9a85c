// What has to happen in Redis as one step, in Lua; and how the queue lies in Redis.
//
//   pgsync:{<system identifier>:<slot>}:stream   Redis Stream of the stream lane, consumer group
//   "workers". Entry id =
//                                        <commit LSN>-<n>, always growing. Fields: f = the batch's
//                                        floor, b = packed batch
//   …:load                               the same for the load lane. Entry id = <epoch>-<n>
//   …:stream:sizes, …:load:sizes         hashes, entry id -> bytes
//   …:load:reports                       list: what workers of other processes have loaded,
//                                        "<documents> <packed batch of the range>"
//   …:meta                               hash: epoch     grows with every Open, also across lost
//   queues
//                                              owner     random word of the producer that opened
//                                                        last
//                                              adds      how many entries that owner added
//                                              complete  all transactions that end here or before
//                                                        were added
//                                              mark      what numbers and positions stand for
//                                              shared    "1": workers of other processes may take
//                                              stream_entries, stream_bytes, load_entries,
//                                              load_bytes
//
// Redis may lose any of it at any moment: FLUSHALL, a restart without data or with an old dump, a
// failover to a replica that lags, eviction of single keys, another producer. All of these show as
// a difference between what the owner remembers (owner, adds) or what meta counts (entries) and
// what is there; every script of the producer compares before it acts, in the same step, and
// answers "lost". The number of adds may be one of a range: an add whose reply got lost may have
// happened. Numbers of 64 bits travel as text, because Lua's numbers are doubles.
#pragma once

#include <string_view>

namespace queue {

// All the producer's scripts: KEYS = meta, stream, stream:sizes, load, load:sizes; replies are
// arrays, first word = outcome.
#define PGSYNC_CHECK_QUEUE                                                       \
  "local meta, stream, load = KEYS[1], KEYS[2], KEYS[4]\n"                       \
  "local function lost()\n"                                                      \
  "  local m = redis.call('HMGET', meta, 'owner', 'adds', 'stream_entries',\n"   \
  "                       'load_entries')\n"                                     \
  "  if m[1] ~= ARGV[1] then return 'owner' end\n"                               \
  "  if tonumber(m[2]) < tonumber(ARGV[2]) then return 'adds' end\n"             \
  "  if redis.call('EXISTS', stream, load) ~= 2 then return 'lane' end\n"        \
  "  if redis.call('XLEN', stream) ~= tonumber(m[3]) then return 'stream' end\n" \
  "  if redis.call('XLEN', load) ~= tonumber(m[4]) then return 'load' end\n"     \
  "end\n"                                                                        \
  "local missing = lost()\n"                                                     \
  "if missing then return {'lost', missing} end\n"

// ARGV = owner, an epoch to start from, the mark, "1" if shared. Takes over what is whole and has
// this mark, deletes what is not. Replies {"open", epoch, "1" if anything was kept, complete, last
// id of the stream lane}.
inline constexpr std::string_view kOpenScript = R"lua(
local meta, stream, load = KEYS[1], KEYS[2], KEYS[4]
local function pairs_of(flat)
  local t = {}
  for i = 1, #flat, 2 do t[flat[i]] = flat[i + 1] end
  return t
end
local function whole(key, entries)
  if redis.call('EXISTS', key) == 0 or redis.call('XLEN', key) ~= tonumber(entries) then
    return false
  end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    if pairs_of(group).name == 'workers' then return true end
  end
  return false
end
local function forget_idle_consumers(key)
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', key, 'workers')) do
    local consumer = pairs_of(flat)
    if consumer.pending == 0 and consumer.idle > 3600000 then
      redis.call('XGROUP', 'DELCONSUMER', key, 'workers', consumer.name)
    end
  end
end

local m = redis.call('HMGET', meta, 'epoch', 'complete', 'stream_entries', 'load_entries',
                     'mark')
local epoch = tonumber(ARGV[2])
if m[1] and tonumber(m[1]) >= epoch then epoch = tonumber(m[1]) + 1 end
local kept = m[1] and m[2] and m[3] and m[4] and m[5] == ARGV[3] and whole(stream, m[3]) and whole(load, m[4])
local last = '0-0'
local complete = '0'
if kept then
  complete = m[2]
  last = pairs_of(redis.call('XINFO', 'STREAM', stream))['last-generated-id']
  forget_idle_consumers(stream)
  forget_idle_consumers(load)
else
  redis.call('DEL', unpack(KEYS))
  redis.call('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
  redis.call('XGROUP', 'CREATE', load, 'workers', '0', 'MKSTREAM')
  redis.call('HSET', meta, 'complete', '0', 'stream_entries', 0, 'stream_bytes', 0,
             'load_entries', 0, 'load_bytes', 0, 'mark', ARGV[3])
end
local epoch_text = string.format('%.0f', epoch)
redis.call('HSET', meta, 'epoch', epoch_text, 'owner', ARGV[1], 'adds', 0, 'shared', ARGV[4])
return {'open', epoch_text, kept and '1' or '0', complete, last}
)lua";

// ARGV[3..] = lane, limit in bytes, id, floor, complete, packed batch.
// Replies {"added", adds}, {"full"} or {"lost", what}.
inline constexpr std::string_view kAddScript = PGSYNC_CHECK_QUEUE R"lua(
local lane, limit, id = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local key, sizes = stream, KEYS[3]
if lane == 'load' then key, sizes = load, KEYS[5] end
local size = #ARGV[8]
local has = redis.call('HMGET', meta, lane .. '_entries', lane .. '_bytes')
if tonumber(has[1]) > 0 and tonumber(has[2]) + size > limit then return {'full'} end
redis.call('XADD', key, id, 'f', ARGV[6], 'b', ARGV[8])
redis.call('HSET', sizes, id, size)
redis.call('HINCRBY', meta, lane .. '_entries', 1)
redis.call('HINCRBY', meta, lane .. '_bytes', size)
if lane == 'stream' then redis.call('HSET', meta, 'complete', ARGV[7]) end
return {'added', redis.call('HINCRBY', meta, 'adds', 1)}
)lua";

// Replies {"floor", floor of the oldest entry of the stream lane or ""} or {"lost", what}; the
// error NOGROUP when the group is gone, which nothing else would tell a producer without workers of
// its own.
inline constexpr std::string_view kLowWaterScript = PGSYNC_CHECK_QUEUE R"lua(
redis.call('XPENDING', stream, 'workers')
redis.call('XPENDING', load, 'workers')
local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)
if #oldest == 0 then return {'floor', ''} end
return {'floor', oldest[1][2][2]}
)lua";

// ARGV[3] = lane. Replies {"depth", entries, bytes} or {"lost", what}.
inline constexpr std::string_view kDepthScript = PGSYNC_CHECK_QUEUE R"lua(
local has = redis.call('HMGET', meta, ARGV[3] .. '_entries', ARGV[3] .. '_bytes')
return {'depth', has[1], has[2]}
)lua";

// Replies {"cleared"} or {"lost", what}.
inline constexpr std::string_view kClearLoadScript = PGSYNC_CHECK_QUEUE R"lua(
redis.call('DEL', load, KEYS[5])
redis.call('XGROUP', 'CREATE', load, 'workers', '0', 'MKSTREAM')
redis.call('HSET', meta, 'load_entries', 0, 'load_bytes', 0)
return {'cleared'}
)lua";

#undef PGSYNC_CHECK_QUEUE

// KEYS = stream, load. ARGV = consumer, most bytes, most entries.
// Replies {lane, {{id, {field, value…}}…}}, without entries when both lanes have nothing new.
inline constexpr std::string_view kTakeScript = R"lua(
local most_bytes, most_entries = tonumber(ARGV[2]), tonumber(ARGV[3])
local function take(key, most)
  local taken, bytes = {}, 0
  while bytes < most_bytes and #taken < most do
    local reply = redis.call('XREADGROUP', 'GROUP', 'workers', ARGV[1], 'COUNT', 1, 'STREAMS',
                             key, '>')
    if not reply then break end
    local entry = reply[1][2][1]
    taken[#taken + 1] = entry
    bytes = bytes + #entry[2][4]
  end
  return taken
end
local taken = take(KEYS[1], most_entries)
if #taken > 0 then return {'stream', taken} end
return {'load', take(KEYS[2], 1)}
)lua";

// KEYS = meta, lane, lane:sizes. ARGV = name of the lane, ids…. Replies how many entries it
// removed. XACK comes first: Redis short of memory refuses a script whose first write may grow, and
// this one is what frees memory.
inline constexpr std::string_view kDoneScript = R"lua(
local removed = 0
for i = 2, #ARGV do
  local id = ARGV[i]
  redis.call('XACK', KEYS[2], 'workers', id)
  if redis.call('XDEL', KEYS[2], id) == 1 then
    removed = removed + 1
    local size = redis.call('HGET', KEYS[3], id)
    if size then
      redis.call('HDEL', KEYS[3], id)
      redis.call('HINCRBY', KEYS[1], ARGV[1] .. '_entries', -1)
      redis.call('HINCRBY', KEYS[1], ARGV[1] .. '_bytes', -size)
    end
  end
end
return removed
)lua";

}  // namespace queue
