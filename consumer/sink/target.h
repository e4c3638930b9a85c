// Target: where documents go. Implementations: http_target (Elasticsearch, OpenSearch),
// sqlite_target, ndjson_target, null_target. The state of the synchronization is kept in the target
// itself (design D6).
//
// A Target is made once and lent to all threads; its calls are thread safe but not fast. Writers
// are made one per worker and belong to its thread. Success of Write means durable: it survives
// kill -9 of the target.
#pragma once

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/backoff.h"
#include "consumer/base/log.h"
#include "consumer/base/metrics.h"
#include "consumer/base/result.h"
#include "consumer/base/stop.h"
#include "consumer/model/bulk.h"
#include "consumer/model/sync_state.h"
#include "consumer/schema/tree.h"
#include "consumer/sink/reader.h"

namespace sink {

// A document that the target refused for good.
struct Rejected {
  std::string id;
  std::string reason;
  std::string document;  // its JSON text
  uint64_t version = 0;
  base::Lsn lsn;
};

// What a letter holds in place of a document that even the dead letters do not take: JSON.
inline std::string LeftOut(const Rejected& letter) {
  return "{\"left_out_bytes\":" + std::to_string(letter.document.size()) + "}";
}

// How often and after what waits a request is sent again.
struct RetryBounds {
  std::chrono::milliseconds first{50}, most{5'000};
  std::optional<uint32_t> retries;  // absent = without end
};

class Writer {
 public:
  explicit Writer(const RetryBounds& bounds = {})
      : retry_bounds(bounds), backoff(bounds.first, bounds.most) {}
  virtual ~Writer() = default;
  // Writes all items of one request. The outcome has one entry per item. Errors are about the whole
  // request: kRetry (the target is overloaded or not reachable), kRefused (not allowed), kFatal (an
  // answer we do not understand).
  virtual base::Result<model::BulkOutcome> Write(const model::BulkRequest& request) = 0;

  // From now on Write waits for answers no longer than this, and then returns kRetry. Deliver sets
  // it.
  virtual void SetDeadline(std::chrono::steady_clock::time_point) {}

  // Deliver's memory. It lives longer than a delivery: documents that ran out of time are built
  // anew, and that begins neither waits nor counts anew.
  const RetryBounds retry_bounds;
  base::Backoff backoff;
  uint32_t retries_in_row = 0;
  // Nothing is sent before. Write moves it when the target asks for a pause (Retry-After).
  std::chrono::steady_clock::time_point not_before{};
};

// A real index of ours behind, or beside, an alias (design D8).
struct GenerationState {
  int number = 0;       // 2 of "book_2"
  std::string name;     // "book_2"
  bool served = false;  // the alias leads to it
  model::SyncState state;
};

class Target {
 public:
  virtual ~Target() = default;

  // For logs and status: "OpenSearch 2.19.5 at http://127.0.0.1:9200", "SQLite file documents.db".
  virtual std::string Describe() const = 0;

  // Connects once. kRefused with the remedy when it cannot be used: not reachable, not authorized,
  // unknown product.
  virtual base::Status Probe() = 0;

  // Returns the stored state of the document's index, or nothing if there is no such index (or it
  // holds no state of ours and `alias` is false). kRefused if the name is taken by something that
  // is not ours.
  virtual base::Result<std::optional<model::SyncState>> ReadState(
      const schema::DocumentTree& tree) = 0;

  // Creates the first generation (or the plain index) from tree.index_body and stores `state` in
  // it.
  virtual base::Status Create(const schema::DocumentTree& tree, const model::SyncState& state) = 0;

  // Replaces the stored state. On success it is durable, and so are all documents written before.
  virtual base::Status WriteState(const schema::DocumentTree& tree,
                                  const model::SyncState& state) = 0;

  // Makes the index that is there ready for documents of this tree, before it is loaded again:
  // takes over fields that tree.index_body has and it has not. kRefused with the remedy when it
  // cannot. Targets without mappings have nothing to do.
  virtual base::Status Extend(const schema::DocumentTree&) { return {}; }

  // A load is finished, and its state not yet stored as such: gives the index the settings back
  // that it was loaded without, and makes its documents searchable. May be called again.
  virtual base::Status EndLoad(const schema::DocumentTree&) { return {}; }

  // Generations: whether another index can be filled beside the one that searches see. With false
  // the four calls below are not made.
  virtual bool KeepsGenerations(const schema::DocumentTree&) const { return false; }
  // All of ours, by number. What `tree.generation` says does not matter.
  virtual base::Result<std::vector<GenerationState>> Generations(const schema::DocumentTree&) {
    return std::vector<GenerationState>();
  }
  // Creates the next one, as Create does, and no alias leads to it. Returns its name.
  virtual base::Result<std::string> CreateBeside(const schema::DocumentTree&,
                                                 const model::SyncState&) {
    return base::Fatal("this target keeps no generations");
  }
  // From now on searches see `tree.generation` and, in the same step, not the one before. All that
  // was written to it is searchable then. May be called again.
  virtual base::Status Serve(const schema::DocumentTree&) {
    return base::Fatal("this target keeps no generations");
  }
  // Removes one that is not served. May be called again.
  virtual base::Status DropGeneration(const schema::DocumentTree&, const std::string&) {
    return base::Fatal("this target keeps no generations");
  }

  // REQUIRES: ReadState found a state, or Create succeeded.
  virtual std::unique_ptr<Writer> NewWriter() = 0;

  // Of one index; nothing where the target cannot be read. REQUIRES: as NewWriter.
  virtual base::Result<std::unique_ptr<Reader>> NewReader(const schema::DocumentTree&) {
    return std::unique_ptr<Reader>();
  }

  // Deletes every document of the index whose version is lower than `version`. Returns how many.
  // One with a dead letter of `version` or later stays: the tables have it, although what it became
  // could not be written.
  virtual base::Result<uint64_t> Sweep(const schema::DocumentTree& tree, uint64_t version) = 0;

  // For items with `any_routing`, after they were written: deletes the copies of their ids that are
  // older and lie under another routing; of deletions, all older ones. REQUIRES: no build older
  // than these items is still under way. Targets that keep one copy per id have nothing to do.
  virtual base::Status RemoveOtherCopies(const schema::DocumentTree&,
                                         const std::vector<model::BulkItem>&) {
    return {};
  }

  // Whether Holders works.
  virtual bool FindsHolders() const { return false; }

  // The roots ("_pgsync.root": id parts and routing as text) of the documents that hold one of the
  // rows with these names in "_pgsync.lookup". Everything that was written before the call is
  // found. REQUIRES: FindsHolders().
  using RootKey = std::vector<std::optional<std::string>>;
  virtual base::Result<std::vector<RootKey>> Holders(const schema::DocumentTree&,
                                                     const std::vector<std::string>&) {
    return base::Fatal("this target finds no documents by what they hold");
  }

  // Stores dead letters durably, in `<index>-rejected` or the like.
  virtual base::Status WriteRejected(const schema::DocumentTree& tree,
                                     const std::vector<Rejected>& rejected) = 0;

  virtual base::Result<uint64_t> Count(const schema::DocumentTree& tree) = 0;

  // Makes everything written so far visible to searches (engines: refresh).
  virtual base::Status MakeSearchable(const schema::DocumentTree& tree) = 0;

  // Removes index, alias, state and dead letters.
  virtual base::Status Drop(const schema::DocumentTree& tree) = 0;
};

struct HttpConfig {
  // scheme://host:port, without credentials; several addresses of one cluster are separated by
  // commas.
  std::string url;
  std::string user;
  std::string password;  // never logged
  std::string api_key;   // encoded
  std::string bearer;
  bool verify_certificates = true;
  std::string ca_file, client_certificate, client_key;
  std::string fingerprint;       // SHA-256 of the engine's certificate or of its authority's: lower
                                 // case, no colons; takes the place of ca_file
  std::string certificate_host;  // the name that the certificate has to carry; "" = the address's
  bool any_host = false;         // a certificate of any name will do
  // Requests are signed for AWS if there is a region.
  std::string aws_region, aws_service, aws_access_key, aws_secret_key, aws_session_token;
  std::string opaque_id;  // X-Opaque-Id
  std::chrono::seconds timeout{60};
  bool compress = false;
  size_t max_bulk_bytes = 10u << 20;
  size_t max_bulk_items = std::numeric_limits<size_t>::max();
  size_t max_bulk_requests = 4;           // under way at once, of all writers together
  std::vector<int> ignored_of_deletions;  // item statuses, beside 404, that count as done
  RetryBounds retry;
};

// `trees` gives the names behind BulkItem::document; it outlives the target.
std::unique_ptr<Target> MakeHttpTarget(HttpConfig config,
                                       const std::vector<schema::DocumentTree>& trees,
                                       base::Logger& log);
std::unique_ptr<Target> MakeSqliteTarget(const std::string& file,
                                         const std::vector<schema::DocumentTree>& trees);
std::unique_ptr<Target> MakeNdjsonTarget(const std::string& file,  // "-" = standard output
                                         const std::vector<schema::DocumentTree>& trees);
std::unique_ptr<Target> MakeNullTarget(const std::string& file);  // "" = states in memory

// Repeats what is worth repeating (whole requests and single items) with backoff until everything
// is done, rejected items are stored as dead letters, or `stop` is requested (then kRetry). The one
// place where writing is retried. `deadline`: gives up with kRetry when an answer has not come by
// then, because the build is too old to be written (design D3); the caller builds anew.
struct DeliveryCounts {
  uint64_t done = 0, fresher = 0, rejected = 0;
};
base::Result<DeliveryCounts> Deliver(Target& target, Writer& writer,
                                     const std::vector<schema::DocumentTree>& trees,
                                     model::BulkRequest request, base::Lsn lsn,
                                     std::chrono::steady_clock::time_point deadline,
                                     const base::StopSignal& stop, base::Logger& log,
                                     base::Metrics& metrics);

}  // namespace sink
