// Row writer: one changed row -> records, one for each target of its relation.
#pragma once

#include "decoder/session.h"

namespace pgsync {

// `desc` is the present one of the changed relation. REQUIRES: entry->targets is not null, and the
// current context is the per-change one.
void WriteRow(Session* session, ReorderBufferTXN* txn, RelationEntry* entry, TupleDesc desc,
              ReorderBufferChange* change);

// Writes the target's relation record, unless the reader knows it as it is.
inline void Introduce(Session* session, StringInfoSink* sink, const Target& target) {
  if (target.known->layout == target.layout) return;
  sink->write(target.relation_record.data(), target.relation_record.size());
  session->frame.Complete();
  target.known->layout = target.layout;
}

}  // namespace pgsync
