#include "consumer/assemble/affected_roots.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace assemble {
namespace {

using model::OldRow;
using model::RowChange;
using model::Value;

constexpr size_t kMostBindings = 10000;

std::string Name(const model::Relation& relation) { return relation.schema + "." + relation.table; }

base::Error IdentityTooWeak(const model::Relation& relation, const std::string& column) {
  return base::Refused(fmt::format(
      "{}: the WAL does not carry the old value of column \"{}\", so documents that this "
      "row left cannot be found: the table's REPLICA IDENTITY was too weak when the row "
      "was changed. WAL that is written stays as it is, so all has to be loaded anew: "
      "run `pgsync-consumer teardown SCHEMA`, then `pgsync-consumer bootstrap --apply "
      "SCHEMA`, which sets the identity before it makes the slot, and start again",
      Name(relation), column));
}

using Texts = std::vector<std::optional<std::string>>;

// The values of `columns`, or nothing when one of them is NULL; but the last `carried` ones may be.
// `other` is the row to take a value from that did not change.
// `old_by_lookup`: of a value that the WAL does not carry a lookup takes care.
base::Result<std::optional<Texts>> Values(const model::Relation& relation,
                                          const std::vector<size_t>& columns, size_t carried,
                                          bool old_by_lookup, const std::vector<Value>& row,
                                          const std::vector<Value>* other) {
  Texts values;
  values.reserve(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t column = columns[i];
    const Value* value = &row[column];
    if (value->kind == Value::Kind::kUnchanged && other) value = &(*other)[column];
    switch (value->kind) {
      case Value::Kind::kNull:
        if (i + carried < columns.size()) return std::optional<Texts>();
        values.emplace_back();
        break;
      case Value::Kind::kText:
        values.emplace_back(value->text);
        break;
      case Value::Kind::kMissing:
      case Value::Kind::kUnchanged:
        if (old_by_lookup) return std::optional<Texts>();
        return IdentityTooWeak(relation, relation.columns[column].name);
    }
  }
  return std::optional(std::move(values));
}

}  // namespace

base::Status AffectedRoots::Collect(const RowChange& change, std::vector<model::Touch>* touches) {
  const auto binding = Bind(change.relation);
  if (!binding) return binding.error();
  const model::Relation& relation = *change.relation;

  for (const Use& use : (*binding)->uses) {
    const auto touch = [&](const std::vector<Value>& row,
                           const std::vector<Value>* other) -> base::Status {
      auto values = Values(relation, use.columns, use.carried, use.old_by_lookup, row, other);
      if (!values) return std::move(values).error();
      if (!values->has_value()) return {};
      model::Touch made{use.document, use.entry, std::move(**values)};
      // Neighbours are often the same: rows of one statement hang on one parent.
      if (touches->empty() || touches->back() != made) touches->push_back(std::move(made));
      return {};
    };

    const bool has_old = change.old_kind != OldRow::kAbsent;
    if (use.by_lookup) {
      // By the key under which documents hold the row.
      if (change.kind == RowChange::Kind::kInsert) continue;
      if (!has_old && change.kind == RowChange::Kind::kDelete) {
        return IdentityTooWeak(relation, relation.columns[use.columns.front()].name);
      }
      auto status = has_old ? touch(change.old_row, nullptr) : touch(change.new_row, nullptr);
      if (!status) return status;
      continue;
    }
    if (change.kind == RowChange::Kind::kDelete && !has_old && !use.old_by_lookup) {
      return IdentityTooWeak(relation, relation.columns[use.columns.front()].name);
    }
    // An UPDATE without an old row left all identity columns alone. Ours were among them when the
    // daemon started; whether they were when the row was written, the relation says.
    if (change.kind == RowChange::Kind::kUpdate && !has_old && use.outside_identity &&
        !use.old_by_lookup) {
      return IdentityTooWeak(relation, relation.columns[*use.outside_identity].name);
    }
    if (has_old) {
      if (auto status = touch(change.old_row, nullptr); !status) return status;
    }
    if (change.kind != RowChange::Kind::kDelete) {
      if (auto status = touch(change.new_row, has_old ? &change.old_row : nullptr); !status) {
        return status;
      }
    }
  }
  return {};
}

void AffectedRoots::Collect(const model::Truncate& truncate,
                            std::vector<model::Rebuild>* rebuilds) const {
  for (const auto& relation : truncate.relations) {
    const schema::TableName name{relation->schema, relation->table};
    for (const schema::DocumentTree& tree : trees_) {
      for (const schema::EntryPoint& entry : tree.entries) {
        if (entry.table != name) continue;
        // Of the root itself, or of a table behind it where it is a view.
        const bool sweep = entry.node == 0;
        model::AddRebuild({tree.number, sweep}, rebuilds);
      }
    }
  }
}

base::Result<const AffectedRoots::Binding*> AffectedRoots::Bind(
    const std::shared_ptr<const model::Relation>& relation) {
  const auto known = bindings_.find(relation.get());
  if (known != bindings_.end()) return &known->second;

  // Shapes that alternate, of transactions in progress that change a table, come as new objects
  // each time.
  if (bindings_.size() >= kMostBindings) bindings_.clear();
  Binding binding{relation, {}};
  const schema::TableName name{relation->schema, relation->table};
  for (const schema::DocumentTree& tree : trees_) {
    for (const schema::EntryPoint& entry : tree.entries) {
      if (entry.table != name) continue;
      Use use{.document = tree.number,
              .entry = entry.id,
              .carried = entry.carried,
              .columns = {},
              .outside_identity = {},
              .old_by_lookup = entry.old_by_lookup,
              .by_lookup = entry.via == schema::EntryPoint::Via::kLookup};
      for (const std::string& column : entry.columns) {
        const auto at =
            std::find_if(relation->columns.begin(), relation->columns.end(),
                         [&](const model::RelationColumn& c) { return c.name == column; });
        if (at == relation->columns.end()) {
          return base::Refused(fmt::format(
              "{}: column \"{}\" is no longer in the stream; it was dropped or renamed. Adapt the "
              "schema file, or the table, then start again",
              Name(*relation), column));
        }
        use.columns.push_back(static_cast<size_t>(at - relation->columns.begin()));
      }
      const auto outside = std::find_if(use.columns.begin(), use.columns.end(), [&](size_t column) {
        return !relation->columns[column].in_identity;
      });
      if (outside != use.columns.end()) use.outside_identity = *outside;
      // Where the WAL carries the old links after all, nobody needs to search.
      if (use.by_lookup && !binding.uses.back().outside_identity) continue;
      binding.uses.push_back(std::move(use));
    }
  }
  return &bindings_.emplace(relation.get(), std::move(binding)).first->second;
}

}  // namespace assemble
