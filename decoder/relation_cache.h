// Relation cache: Oid of a changed relation -> what to send of it. A lookup per change is one hash
// probe; catalogs are read only when an entry is built, and built again only after an invalidation.
//
// A relation whose changes arrive (the entry) is usually sent as itself. A partition is sent under
// the name and the columns of each ancestor that option "tables" lists (the targets). What the
// reader of the stream knows about a target's columns is remembered per target, so a relation
// record goes out before first use and whenever the layout differs from the last sent.
//
// Lifetime: one per decoding session, in its context. Invalidation callbacks are registered once
// per process, because they cannot be unregistered; they find the session's cache through one
// static pointer that is nulled when the session's context goes (also after an ERROR), and they
// only mark.
#pragma once

#include "decoder/tuple_view.h"
// After it:
#include "decoder/options.h"
#include "decoder/pg.h"

namespace pgsync {

// What the reader of the stream was last told about a relation. Also marks ancestors that entries
// depend on.
struct KnownRelation {
  Oid relid;         // hash key
  uint64 layout;     // hash of the last relation record that was sent; 0 = none
  bool is_ancestor;  // entries of partitions were made from it
};

// An emitted or watched column: an UPDATE that changes none of them is not sent.
struct ComparedColumn {
  AttrNumber attnum;
  int16 length;
  bool by_value;
};

struct Target {
  Target* next;
  Oid relid;  // that of the relation record
  Column* columns;
  int column_count;
  ComparedColumn* compared;
  int compared_count;
  uint64 layout;
  std::string_view relation_record;  // encoded, ready to be appended
  KnownRelation* known;
};

// What was done with the rows of a relation, since the session began. Described in WIRE_FORMAT.md.
struct Counters {
  uint64 filtered;
  uint64 kept;  // decoded, and not filtered
  uint64 suppressed;
  uint64 sent;
  uint64 bytes;
};

struct RelationEntry {
  Oid relid;  // hash key
  bool valid;
  uint64 generation;      // of the cache, when built
  MemoryContext context;  // owns all of the below; reset when the entry is built again
  Target* targets;        // null: nothing of this relation is sent
  char identity;          // pg_class.relreplident
  AttrNumber* needed;     // attributes to be fetched one by one; null: fetch all at once
  int needed_count;
  Counters counters;
  uint64 reported_rows;  // filtered and kept, when last reported
};

struct RelationCache {
  MemoryContext context;
  const Options* options;
  TextEncoding* encoding;
  HTAB* entries;          // RelationEntry. Never removed from, so pointers into it stay good
  HTAB* known;            // KnownRelation. The same
  HTAB* outputs;          // output functions of types. The same
  MemoryContext scratch;  // what building an entry needs
  RelationEntry* last;    // that was looked up; most changes are of the same relation
  uint64 generation;      // entries of an older one are invalid
  uint64 invalidations;   // counts marks, to notice one that arrives while an entry is being built
};

// Returns a new cache in `context`, which is the session's.
RelationCache* CreateRelationCache(MemoryContext context, const Options* options,
                                   TextEncoding* encoding);

// The entry of a relation that is not the last one.
RelationEntry* LookUpOther(RelationCache* cache, Relation relation);

// Returns the entry of a relation, built if need be. What it points to is good until the next call.
inline RelationEntry* LookUp(RelationCache* cache, Relation relation) {
  RelationEntry* const last = cache->last;
  if (last != nullptr && last->relid == RelationGetRelid(relation) && last->valid &&
      last->generation == cache->generation) {
    return last;
  }
  return LookUpOther(cache, relation);
}

// Returns the entries whose counters changed since the last call, in order of relid; the array is
// in CurrentMemoryContext.
std::span<RelationEntry*> TakeUnreported(RelationCache* cache);

static_assert(std::is_trivially_destructible_v<RelationEntry>);
static_assert(std::is_trivially_destructible_v<RelationCache>);

}  // namespace pgsync
