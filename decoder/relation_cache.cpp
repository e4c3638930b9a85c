// Building and invalidating relation entries.
#include "decoder/relation_cache.h"

namespace pgsync {

namespace {

// The session's cache, for the callbacks of the process; null between sessions.
RelationCache* active_cache = nullptr;
bool callbacks_registered = false;

void InvalidateAll(RelationCache* cache) {
  ++cache->generation;
  ++cache->invalidations;
}

void OnRelationInvalidated(Datum, Oid relid) {
  RelationCache* const cache = active_cache;
  if (cache == nullptr) return;
  if (!OidIsValid(relid)) return InvalidateAll(cache);
  const auto* const known =
      static_cast<KnownRelation*>(hash_search(cache->known, &relid, HASH_FIND, nullptr));
  if (known != nullptr && known->is_ancestor) return InvalidateAll(cache);
  auto* const entry =
      static_cast<RelationEntry*>(hash_search(cache->entries, &relid, HASH_FIND, nullptr));
  if (entry == nullptr) return;
  entry->valid = false;
  ++cache->invalidations;
}

void OnNamespaceInvalidated(Datum, int, uint32) {
  if (active_cache != nullptr) InvalidateAll(active_cache);
}

void OnSessionEnds(void* cache) {
  if (active_cache == cache) active_cache = nullptr;
}

KnownRelation* Know(RelationCache* cache, Oid relid) {
  bool found;
  auto* const known =
      static_cast<KnownRelation*>(hash_search(cache->known, &relid, HASH_ENTER, &found));
  if (!found) {
    known->layout = 0;
    known->is_ancestor = false;
  }
  return known;
}

// Thousands of partitions have columns of the same few types, and what the function manager keeps
// of a function may be large.
struct OutputFunction {
  Oid type;  // hash key
  FmgrInfo function;
};

FmgrInfo* OutputOf(RelationCache* cache, Oid type) {
  auto* output =
      static_cast<OutputFunction*>(hash_search(cache->outputs, &type, HASH_FIND, nullptr));
  if (output != nullptr) return &output->function;
  // Found out before the entry is made: catalogs may answer with an ERROR.
  Oid function;
  bool is_varlena;
  getTypeOutputInfo(type, &function, &is_varlena);
  FmgrInfo info;
  fmgr_info_cxt(function, &info, cache->context);
  output = static_cast<OutputFunction*>(hash_search(cache->outputs, &type, HASH_ENTER, nullptr));
  output->function = info;
  return &output->function;
}

template <typename T>
T* Keep(RelationEntry* entry, int count) {
  static_assert(std::is_trivially_destructible_v<T>);
  const Size size = sizeof(T) * static_cast<Size>(Max(count, 1));
  return static_cast<T*>(MemoryContextAllocZero(entry->context, size));
}

// Replica identity of the relation as a set of attribute numbers; everything for FULL.
struct Identity {
  bool full;
  Bitmapset* key;  // offset by FirstLowInvalidHeapAttributeNumber, as the server keeps them

  bool Contains(AttrNumber attnum) const {
    return full || bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, key);
  }
};

// The server's RelationGetIdentityKeyBitmap opens the index, which then stays in the relation
// cache: many kilobytes for each of thousands of partitions. Its row of pg_index is enough.
Identity IdentityOf(Relation relation) {
  Identity identity = {relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL, nullptr};
  if (identity.full || !relation->rd_rel->relhasindex) return identity;
  const Oid index = RelationGetReplicaIndex(relation);
  if (!OidIsValid(index)) return identity;
  const HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for index %u", index);
  const auto* const row = reinterpret_cast<const FormData_pg_index*>(GETSTRUCT(tuple));
  for (int i = 0; i < row->indnkeyatts; ++i) {
    const AttrNumber attnum = row->indkey.values[i];
    if (attnum != 0) {
      identity.key = bms_add_member(identity.key, attnum - FirstLowInvalidHeapAttributeNumber);
    }
  }
  ReleaseSysCache(tuple);
  return identity;
}

AttrNumber SourceAttribute(Relation source, Relation target, const FormData_pg_attribute* wanted) {
  if (RelationGetRelid(source) == RelationGetRelid(target)) return wanted->attnum;
  const TupleDesc desc = RelationGetDescr(source);
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* const attribute = TupleDescAttr(desc, i);
    if (!attribute->attisdropped &&
        namestrcmp(const_cast<NameData*>(&attribute->attname), NameStr(wanted->attname)) == 0) {
      return attribute->attnum;
    }
  }
  elog(ERROR, "partition \"%s\" has no column \"%s\"", RelationGetRelationName(source),
       NameStr(wanted->attname));
}

void EncodeRelationRecord(RelationCache* cache, RelationEntry* entry, Target* made,
                          Relation target) {
  StringInfoData record;
  initStringInfo(&record);
  StringInfoSink sink = {&record};
  Encoder encoder(sink);
  const char* const schema = get_namespace_name(RelationGetNamespace(target));
  encoder.Relation(made->relid, cache->encoding->NameToUtf8(schema),
                   cache->encoding->NameToUtf8(RelationGetRelationName(target)), entry->identity,
                   static_cast<uint32_t>(made->column_count));
  for (int i = 0; i < made->column_count; ++i) {
    const FormData_pg_attribute* const attribute =
        TupleDescAttr(RelationGetDescr(target), made->columns[i].target_attnum - 1);
    encoder.Column(cache->encoding->NameToUtf8(NameStr(attribute->attname)), attribute->atttypid,
                   made->columns[i].in_identity);
  }
  char* const kept = Keep<char>(entry, record.len);
  memcpy(kept, record.data, static_cast<size_t>(record.len));
  made->relation_record = {kept, static_cast<size_t>(record.len)};
  made->layout = hash_bytes_extended(reinterpret_cast<const unsigned char*>(kept), record.len, 0);
  if (made->layout == 0) made->layout = 1;
}

bool Asks(const TableOption* option, const FormData_pg_attribute* attribute) {
  const char* const name = NameStr(attribute->attname);
  return option->emitted.Contains(name) || option->watched.Contains(name);
}

// A listed column without a value in the row may change with any other column of its table.
bool AsksForVirtualColumn(const TableOption* option, TupleDesc desc) {
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* const attribute = TupleDescAttr(desc, i);
    if (pg::IsVirtual(attribute) && Asks(option, attribute)) return true;
  }
  return false;
}

// Adds to the entry: "changes of `source` are sent as `target`".
void AddTarget(RelationCache* cache, RelationEntry* entry, Relation source, Relation target,
               const TableOption* option, const Identity& identity) {
  const TupleDesc desc = RelationGetDescr(target);
  const bool emit_all = option == nullptr || option->all_columns;
  const bool compare_all = emit_all || AsksForVirtualColumn(option, desc);
  Target* const made = Keep<Target>(entry, 1);
  made->relid = RelationGetRelid(target);
  made->columns =
      Keep<Column>(entry, emit_all ? desc->natts : Min(desc->natts, option->emitted.count));
  made->compared = Keep<ComparedColumn>(
      entry,
      compare_all ? desc->natts : Min(desc->natts, option->emitted.count + option->watched.count));
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* const attribute = TupleDescAttr(desc, i);
    if (!pg::HasStoredValue(attribute)) continue;
    if (!compare_all && !Asks(option, attribute)) continue;

    Column column = {};
    column.attnum = SourceAttribute(source, target, attribute);
    column.target_attnum = attribute->attnum;
    column.length = attribute->attlen;
    column.in_identity = identity.Contains(column.attnum);
    made->compared[made->compared_count++] = {column.attnum, column.length, attribute->attbyval};
    if (!emit_all && !option->emitted.Contains(NameStr(attribute->attname))) continue;
    column.reader = ReaderOf(attribute->atttypid);
    if (column.reader == Reader::kOutputText) {
      column.output = OutputOf(cache, attribute->atttypid);
    }
    made->columns[made->column_count++] = column;
  }
  EncodeRelationRecord(cache, entry, made, target);
  made->known = Know(cache, made->relid);
  made->next = entry->targets;
  entry->targets = made;
}

// Fetching an attribute alone walks over those before it; where that is less than walking over all
// of them once, only the needed ones are fetched.
void ChooseNeeded(RelationEntry* entry, Relation relation) {
  const int all = RelationGetDescr(relation)->natts;
  Bitmapset* attnums = nullptr;
  for (const Target* target = entry->targets; target != nullptr; target = target->next) {
    for (int i = 0; i < target->compared_count; ++i) {
      attnums = bms_add_member(attnums, target->compared[i].attnum);
    }
  }
  int steps = 0;
  for (int attnum = -1; (attnum = bms_next_member(attnums, attnum)) >= 0;) steps += attnum;
  if (steps > all) return;
  entry->needed = Keep<AttrNumber>(entry, bms_num_members(attnums));
  for (int attnum = -1; (attnum = bms_next_member(attnums, attnum)) >= 0;) {
    entry->needed[entry->needed_count++] = static_cast<AttrNumber>(attnum);
  }
}

const TableOption* OptionOf(const Options& options, Relation relation) {
  return options.Find(get_namespace_name(RelationGetNamespace(relation)),
                      RelationGetRelationName(relation));
}

bool IsUserTable(Relation relation) {
  const char kind = relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) return false;
  // Below are objects of initdb: catalogs, and the few ordinary tables of information_schema.
  return RelationGetRelid(relation) >= FirstNormalObjectId;
}

// Adds what a partition is sent as, by the options of its ancestors, parent first.
void AddAncestors(RelationCache* cache, RelationEntry* entry, Relation partition,
                  const Identity& identity) {
  const Options& options = *cache->options;
  List* const ancestors = get_partition_ancestors(RelationGetRelid(partition));
  ListCell* cell;
  foreach (cell, ancestors) {
    const Oid ancestor_id = lfirst_oid(cell);
    Know(cache, ancestor_id)->is_ancestor = true;
    const bool root = lnext(ancestors, cell) == nullptr;
    const Relation ancestor = RelationIdGetRelation(ancestor_id);
    if (!RelationIsValid(ancestor)) elog(ERROR, "could not open relation with OID %u", ancestor_id);
    if (options.every_table) {
      if (root) AddTarget(cache, entry, partition, ancestor, nullptr, identity);
    } else if (const TableOption* const option = OptionOf(options, ancestor); option != nullptr) {
      if (options.publish_via_root) {
        AddTarget(cache, entry, partition, ancestor, option, identity);
      } else if (entry->targets == nullptr) {
        // Under its own name, with what the nearest listed ancestor asks for.
        AddTarget(cache, entry, partition, partition, option, identity);
      }
    }
    RelationClose(ancestor);
  }
}

void AddTargets(RelationCache* cache, RelationEntry* entry, Relation relation,
                const Identity& identity) {
  const Options& options = *cache->options;
  const bool partition = relation->rd_rel->relispartition;
  if (options.every_table) {
    if (!IsUserTable(relation)) return;
    if (partition && options.publish_via_root) {
      return AddAncestors(cache, entry, relation, identity);
    }
    return AddTarget(cache, entry, relation, relation, nullptr, identity);
  }
  const TableOption* const own = OptionOf(options, relation);
  if (own != nullptr) AddTarget(cache, entry, relation, relation, own, identity);
  if (partition) AddAncestors(cache, entry, relation, identity);
}

void Build(RelationCache* cache, RelationEntry* entry, Relation relation) {
  if (entry->context == nullptr) {
    // Small blocks: there may be thousands of entries, of about a kilobyte.
    entry->context = AllocSetContextCreate(cache->context, "pgsync relation", 0, 1024, 1024);
  } else {
    MemoryContextReset(entry->context);
  }
  const MemoryContext caller = pg::Enter(cache->scratch);
  const uint64 invalidations = cache->invalidations;
  // Below, a catalog may answer with an ERROR that does not end the session (a transaction in
  // progress was aborted): what is half built must not pass for an entry without targets.
  entry->valid = false;
  entry->generation = cache->generation;
  entry->targets = nullptr;
  entry->needed = nullptr;
  entry->needed_count = 0;
  entry->identity = relation->rd_rel->relreplident;

  const Identity identity = IdentityOf(relation);
  AddTargets(cache, entry, relation, identity);
  if (entry->targets != nullptr) {
    ChooseNeeded(entry, relation);
  } else {
    // Many relations that come and go are none of ours: remember no more of them than that.
    MemoryContextDelete(entry->context);
    entry->context = nullptr;
  }
  pg::Enter(caller);
  MemoryContextReset(cache->scratch);
  entry->valid = invalidations == cache->invalidations;
}

int CompareRelids(const void* a, const void* b) {
  const Oid left = (*static_cast<RelationEntry* const*>(a))->relid;
  const Oid right = (*static_cast<RelationEntry* const*>(b))->relid;
  return left < right ? -1 : left > right ? 1 : 0;
}

HTAB* CreateTable(const char* name, Size entry_size, MemoryContext context) {
  HASHCTL control = {};
  control.keysize = sizeof(Oid);
  control.entrysize = entry_size;
  control.hcxt = context;
  return hash_create(name, 128, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

}  // namespace

RelationCache* CreateRelationCache(MemoryContext session, const Options* options,
                                   TextEncoding* encoding) {
  const MemoryContext context =
      AllocSetContextCreate(session, "pgsync relation cache", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext caller = pg::Enter(context);
  auto* const cache = pg::AllocZero<RelationCache>();
  cache->context = context;
  cache->options = options;
  cache->encoding = encoding;
  cache->entries = CreateTable("pgsync relations", sizeof(RelationEntry), context);
  cache->known = CreateTable("pgsync known relations", sizeof(KnownRelation), context);
  cache->outputs = CreateTable("pgsync output functions", sizeof(OutputFunction), context);
  cache->scratch = AllocSetContextCreate(context, "pgsync scratch", ALLOCSET_DEFAULT_SIZES);
  auto* const at_end = pg::AllocZero<MemoryContextCallback>();
  at_end->func = OnSessionEnds;
  at_end->arg = cache;
  MemoryContextRegisterResetCallback(context, at_end);
  pg::Enter(caller);

  if (!callbacks_registered) {
    CacheRegisterRelcacheCallback(OnRelationInvalidated, 0);
    CacheRegisterSyscacheCallback(NAMESPACEOID, OnNamespaceInvalidated, 0);
    callbacks_registered = true;
  }
  active_cache = cache;
  return cache;
}

RelationEntry* LookUpOther(RelationCache* cache, Relation relation) {
  const Oid relid = RelationGetRelid(relation);
  bool found;
  auto* const entry =
      static_cast<RelationEntry*>(hash_search(cache->entries, &relid, HASH_ENTER, &found));
  if (!found) {
    entry->valid = false;
    entry->context = nullptr;
    entry->counters = {};
    entry->reported_rows = 0;
  }
  cache->last = entry;
  if (!entry->valid || entry->generation != cache->generation) Build(cache, entry, relation);
  return entry;
}

std::span<RelationEntry*> TakeUnreported(RelationCache* cache) {
  auto** const changed = static_cast<RelationEntry**>(
      palloc(sizeof(RelationEntry*) * (hash_get_num_entries(cache->entries) + 1)));
  size_t count = 0;
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, cache->entries);
  while (void* const found = hash_seq_search(&scan)) {
    auto* const entry = static_cast<RelationEntry*>(found);
    const uint64 rows = entry->counters.filtered + entry->counters.kept;
    if (rows == entry->reported_rows) continue;
    entry->reported_rows = rows;
    changed[count++] = entry;
  }
  qsort(changed, count, sizeof(RelationEntry*), CompareRelids);
  return {changed, count};
}

}  // namespace pgsync
