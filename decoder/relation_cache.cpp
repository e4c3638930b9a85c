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

// `attributes` are those of the emitted columns.
void EncodeRelationRecord(RelationCache* cache, Target* made, Relation target, char identity,
                          const FormData_pg_attribute** attributes) {
  StringInfoData record;
  initStringInfo(&record);
  StringInfoSink sink = {&record};
  Encoder encoder(sink);
  const char* const schema = get_namespace_name(RelationGetNamespace(target));
  encoder.Relation(made->relid, cache->encoding->NameToUtf8(schema),
                   cache->encoding->NameToUtf8(RelationGetRelationName(target)), identity,
                   static_cast<uint32_t>(made->column_count));
  for (int i = 0; i < made->column_count; ++i) {
    encoder.Column(cache->encoding->NameToUtf8(NameStr(attributes[i]->attname)),
                   attributes[i]->atttypid, made->columns[i].in_identity);
  }
  // Without the room that it grew into: there may be thousands of partitions.
  const size_t size = static_cast<size_t>(record.len);
  made->relation_record = {static_cast<char*>(memcpy(palloc(size), record.data, size)), size};
  pfree(record.data);
  made->layout = hash_bytes_extended(
      reinterpret_cast<const unsigned char*>(made->relation_record.data()), record.len, 0);
  if (made->layout == 0) made->layout = 1;
}

// A listed column without a value in the row may change with any other column of its table.
bool AsksForVirtualColumn(const TableOption* option, TupleDesc desc) {
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* const attribute = TupleDescAttr(desc, i);
    if (!pg::IsVirtual(attribute)) continue;
    const char* const name = NameStr(attribute->attname);
    if (option->emitted.Contains(name) || option->watched.Contains(name)) return true;
  }
  return false;
}

// Adds to the entry: "changes of `source` are sent as `target`".
void AddTarget(RelationCache* cache, RelationEntry* entry, Relation source, Relation target,
               const TableOption* option, const Identity& identity) {
  const TupleDesc desc = RelationGetDescr(target);
  Target* const made = pg::AllocZero<Target>();
  made->relid = RelationGetRelid(target);
  const bool everything = option == nullptr || option->all_columns;
  const bool compare_all = everything || AsksForVirtualColumn(option, desc);
  const size_t most = compare_all
                          ? static_cast<size_t>(desc->natts)
                          : static_cast<size_t>(option->emitted.count + option->watched.count);
  made->columns = pg::AllocZero<Column>(most);
  made->compared = pg::AllocZero<ComparedColumn>(most);
  const auto** const attributes = static_cast<const FormData_pg_attribute**>(
      palloc0(sizeof(FormData_pg_attribute*) * (desc->natts + 1)));
  for (int i = 0; i < desc->natts; ++i) {
    const FormData_pg_attribute* const attribute = TupleDescAttr(desc, i);
    if (!pg::HasStoredValue(attribute)) continue;
    const bool emitted = everything || option->emitted.Contains(NameStr(attribute->attname));
    if (!emitted && !compare_all && !option->watched.Contains(NameStr(attribute->attname))) {
      continue;
    }

    Column column = {};
    column.attnum = SourceAttribute(source, target, attribute);
    column.length = attribute->attlen;
    column.in_identity = identity.Contains(column.attnum);
    entry->last_attnum = Max(entry->last_attnum, static_cast<int>(column.attnum));
    made->compared[made->compared_count++] = {column.attnum, column.length, attribute->attbyval};
    if (!emitted) continue;
    ChooseReader(&column, attribute->atttypid, attribute->attlen, entry->context);
    attributes[made->column_count] = attribute;
    made->columns[made->column_count++] = column;
  }
  EncodeRelationRecord(cache, made, target, entry->identity, attributes);
  pfree(attributes);
  made->known = Know(cache, made->relid);
  made->next = entry->targets;
  entry->targets = made;
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
    entry->context = AllocSetContextCreate(cache->context, "pgsync relation", ALLOCSET_SMALL_SIZES);
  } else {
    MemoryContextReset(entry->context);
  }
  const MemoryContext caller = pg::Enter(entry->context);
  const uint64 invalidations = cache->invalidations;
  entry->generation = cache->generation;
  entry->targets = nullptr;
  entry->last_attnum = 0;
  entry->identity = relation->rd_rel->relreplident;

  const Identity identity = IdentityOf(relation);
  AddTargets(cache, entry, relation, identity);
  if (entry->targets != nullptr) {
    // A copy, because the relation is closed when the callback returns; with constraints, for the
    // defaults of columns that were added after a row was written.
    const TupleDesc desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));
    entry->new_slot = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
    entry->old_slot = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
  }
  pg::Enter(caller);
  if (entry->targets == nullptr) {
    // Many relations that come and go are none of ours: remember no more of them than that.
    MemoryContextDelete(entry->context);
    entry->context = nullptr;
  }
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
