// schema.json: text -> SchemaFile (offline checks) -> DocumentTree (checks against a Catalog).
// Pure: no I/O, no clock. Every check runs and all findings are returned together; the exact
// meaning of the language is docs/schema-reference.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/result.h"
#include "consumer/schema/catalog.h"
#include "consumer/schema/tree.h"

namespace schema {

// One line for the user: `error: schema.json[0].nodes.children[1].table: table "public.boook" does
// not exist; …`.
struct Finding {
  enum class Level { kError, kWarning };
  Level level = Level::kError;
  std::string path;  // "schema.json[0].nodes.columns[2]"
  std::string message;
};
std::string ToString(const Finding& finding);
bool HasErrors(const std::vector<Finding>& findings);

struct FileData;  // the checked JSON, private to this room

// A schema file that passed the offline checks, or not: look at `findings` first.
class SchemaFile {
 public:
  SchemaFile(std::vector<Finding> findings, std::shared_ptr<const FileData> data);
  ~SchemaFile();

  const std::vector<Finding>& findings() const { return findings_; }
  bool ok() const { return !HasErrors(findings_); }

  // REQUIRES: ok(). In file order, each once.
  std::vector<std::string> Databases() const;
  // REQUIRES: ok(). Tables, views and junctions named by the documents of `database`, sorted, each
  // once.
  std::vector<TableName> TablesNamed(const std::string& database) const;
  // REQUIRES: ok(). What the documents of `database` let PostgreSQL compute, filter and order by:
  // it has to be asked about each before Resolve.
  std::vector<Expression> Expressions(const std::string& database) const;
  // REQUIRES: ok(). Index of the database's first document: the default names of slot and pipeline
  // derive from it.
  std::string FirstIndex(const std::string& database) const;

  const FileData& data() const { return *data_; }

 private:
  std::vector<Finding> findings_;
  std::shared_ptr<const FileData> data_;
};

struct ParseOptions {
  bool skip_plugins = false;  // build documents without them, with a warning, instead of refusing
  // No database will be asked: report also what only an odd name of a column would excuse.
  bool offline = false;
};

// Parses and checks without a database. `file_name` is used in paths ("schema.json"); `environment`
// answers $VAR.
SchemaFile Parse(std::string_view text, const std::string& file_name,
                 const std::function<std::optional<std::string>(const std::string&)>& environment,
                 const ParseOptions& options = {});

struct Resolved {
  std::vector<DocumentTree> trees;  // of this database, complete only when findings has no error
  std::vector<Finding> findings;    // of the checks against the database
};

// REQUIRES: file.ok(). Checks the documents of `database` against its catalog.
Resolved Resolve(const SchemaFile& file, const std::string& database, const Catalog& catalog);

}  // namespace schema
