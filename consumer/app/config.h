// Config: everything that the command line and the environment say, checked and typed, in one
// value. Made once at start, immutable after. Flags win over the environment, the environment over
// `.env`, `.env` over defaults.
//
// Secrets (passwords, tokens) are only in the fields `password`, `api_key`, `bearer`, in
// pg::Target::url and DownloadRequest::url; the ToDisplay functions are what logs and errors print.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/app/developer.h"
#include "consumer/app/environment.h"
#include "consumer/app/role.h"
#include "consumer/base/log.h"
#include "consumer/base/result.h"
#include "consumer/pg/connection.h"
#include "consumer/queue/queue.h"
#include "consumer/sink/download.h"
#include "consumer/sink/target.h"

namespace app {

enum class Command : uint8_t {
  kRun,
  kLoad,
  kValidate,
  kPlan,
  kBootstrap,
  kTeardown,
  kPreview,
  kStatus,
  kVerify,
  kResync,
  kDlq,
  kIntrospect,
};
std::string_view ToString(Command command);

enum class DlqAction : uint8_t { kList, kShow, kReplay, kDrop };

struct TargetConfig {
  enum class Kind : uint8_t { kHttp, kSqlite, kNdjson, kNull };
  Kind kind = Kind::kHttp;
  sink::HttpConfig http;  // kHttp
  std::string file;       // kSqlite, kNdjson ("-" = standard output); kNull: of its state, or ""
  std::string expected_engine;  // "elasticsearch", "opensearch", or "" when nobody said which
};

struct QueueConfig {
  bool in_memory = true;
  queue::RedisConfig redis;  // when not in memory
};

struct ListenAddress {
  std::string host = "127.0.0.1";
  int port = 0;
};

struct Config {
  Command command = Command::kRun;
  std::string schema_path;                               // of an URL: without what may be secret
  std::optional<sink::DownloadRequest> schema_download;  // of an URL
  std::optional<std::string> schema_text;                // downloaded (FetchSchema)

  // The one to work on; "" = of all documents of the file. Of introspect: never "".
  std::string database;
  bool several_databases = false;   // the file has others, too
  bool print_file_findings = true;  // what is wrong with the file itself is said once

  pg::Target postgres;
  std::string work_mem;  // PG_WORK_MEM: for `SET work_mem` of connections that read documents; "" =
                         // the server's

  TargetConfig target;
  QueueConfig queue;

  Role role = Role::kAll;                          // run
  std::string name;                                // of the pipeline; "" = DefaultName
  std::string slot;                                // "" = the pipeline's name
  bool target_given = false, queue_given = false;  // on the command line
  int workers = 2;
  int block_size = 20480;         // root rows per chunk of the load
  uint32_t query_chunk_size = 0;  // rows per fetch, at most; 0 = as memory allows
  int filter_chunk_size = 5000;   // keys per query

  // Transactions in progress wait for their end in memory, beyond that in files of this directory.
  size_t spool_memory_bytes = 64u << 20;
  std::string spool_directory;

  int64_t wal_warn_bytes = int64_t{1} << 30;  // kept for the slot: from here on warnings
  int64_t wal_limit_bytes = 0;                // the slot is given up; 0 = never
  bool reload_lost = false;                   // --on-lost-slot reload

  bool core_files = false;  // a crash may leave one: it holds the passwords
  DeveloperSettings developer;

  std::optional<ListenAddress> http;  // metrics and status page; absent = off
  base::LogFormat log_format = base::LogFormat::kText;
  base::LogLevel log_level = base::LogLevel::kInfo;
  std::chrono::milliseconds log_interval{10000};  // between status lines

  bool once = false;                // run: leave when all WAL up to now is applied
  std::vector<std::string> only;    // load: indices; none: all of the file
  bool again = false;               // load: also what is loaded
  int rate = 0;                     // run, load: documents of loads per second; 0: no limit
  bool create = false;              // run -b: create what is missing before starting
  bool apply = false;               // bootstrap: execute the remedies
  bool yes = false;                 // teardown: do not ask
  bool offline = false;             // validate: without the database
  std::vector<std::string> tables;  // introspect, load: as written
  int depth = 2;                    // introspect: levels below the root
  bool skip_plugins = false;        // build documents without the plugins that the file names
  bool ask_password = false;        // --password: main prompts before connecting
  bool explain = false;             // plan: with the query plans of the server
  std::vector<std::string> ids;     // preview, resync, dlq ("" of these: all)
  std::string index;                // verify, resync, dlq: "" = all of the file
  bool repair = false;              // verify
  DlqAction dlq = DlqAction::kList;
  uint32_t first = 0;  // preview: the first N documents of every index

  std::vector<std::string> notices;  // lines to log as warnings once the logger exists
};

// What to do: run a command, or print `text` and leave with 0 (--help, --version).
struct Invocation {
  std::optional<std::string> text;
  Config config;
};

// Pure. `arguments` without the program's name. kUsage: which flag or variable, what was found,
// what is allowed.
base::Result<Invocation> ParseConfig(std::span<const std::string> arguments,
                                     const Environment& environment);

// The process's own: reads the environment and `.env`, parses, asks for the password on the
// terminal when --password was given, and overwrites passwords inside URLs in `argv` with x, so
// that `ps` does not show them. (For the short time before that it does: a URL in PG_URL,
// ELASTICSEARCH_URL or REDIS_URL is never visible to other users.)
base::Result<Invocation> ConfigOfProcess(int argc, char** argv);

// Overwrites the password of every URL in `argument`, and what follows its ?, in place and with the
// same length.
void HideSecrets(std::span<char> argument);

// The default name of slot and pipeline: `<database>_<index>` in lower case, every byte outside of
// [a-z0-9_] replaced by _, cut to the 63 bytes of a slot name.
std::string DefaultName(std::string_view database, std::string_view index);

// The slot's name: --slot, else --name, else DefaultName. A slot belongs to one database, so a file
// of several databases gets `<name>_<database>` each. `index`: of the file's first document.
std::string SlotName(const Config& config, std::string_view database, std::string_view index,
                     bool several_databases);

// For logs, without secrets: "http://127.0.0.1:9200", "sqlite:documents.db", "null:";
// "redis://localhost:6379/0", "memory:"; "localhost:5432".
std::string ToDisplay(const TargetConfig& target);
std::string ToDisplay(const QueueConfig& queue);
std::string ToDisplay(const pg::Target& postgres);

}  // namespace app
