// Setup: what every command does first: read the schema file, connect, read the catalog, resolve
// the documents, make the target and the queue. Each step is its own function so that a command
// does only what it needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consumer/app/config.h"
#include "consumer/app/table_shapes.h"
#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/queue/queue.h"
#include "consumer/schema/catalog.h"
#include "consumer/schema/schema.h"
#include "consumer/sink/target.h"

namespace app {

// Downloads the schema file if it is an URL: once, so that what a running daemon looks at again is
// what it started with.
base::Status FetchSchema(Config* config);

// Reads and checks the file without a database. kUsage when it cannot be read; findings are the
// caller's to look at.
base::Result<schema::SchemaFile> ReadSchemaFile(const Config& config);

// REQUIRES: file.ok(). The database to work on: Config::database, else the first of the file.
std::string DatabaseOf(const Config& config, const schema::SchemaFile& file);

// The file as seen by that database. Trees are numbered by their place in `trees`.
struct ResolvedSchema {
  std::string database;
  std::string slot;    // its name: from the configuration, or the default
  TableShapes shapes;  // of all tables it names; not younger than the catalog
  schema::Catalog catalog;
  std::vector<schema::DocumentTree> trees;
  std::vector<schema::Finding> findings;
};

// REQUIRES: file.ok(). Reads the catalog over `connection` and resolves. Findings with errors are
// not an error here.
base::Result<ResolvedSchema> ResolveSchema(const Config& config, const schema::SchemaFile& file,
                                           pg::Connection& connection);

// One document alone: from its entry of a schema file, as a state keeps it (SyncState::source).
// Findings of the file and of the checks are together, and are not an error here; the tree is there
// when none of them is one.
base::Result<ResolvedSchema> ResolveEntry(const Config& config, const std::string& entry,
                                          pg::Connection& connection);

// REQUIRES: file.ok(). Opens a connection to DatabaseOf().
base::Result<pg::Connection> Connect(const Config& config, const schema::SchemaFile& file,
                                     bool replication = false);

// All of the above for commands that cannot go on with a faulty file: prints every finding to
// standard error, and returns kUsage "N errors in FILE" if one of them is an error.
base::Result<ResolvedSchema> LoadResolvedSchema(const Config& config);

// One line per finding, to standard error.
void PrintFindings(const std::vector<schema::Finding>& findings);

// `trees` outlives the target.
std::unique_ptr<sink::Target> MakeTarget(const Config& config,
                                         const std::vector<schema::DocumentTree>& trees,
                                         base::Logger& log);
std::unique_ptr<queue::Queue> MakeQueue(const Config& config, const std::string& system_identifier,
                                        const std::string& slot);

}  // namespace app
