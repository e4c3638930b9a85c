// libFuzzer target: any bytes as the frames of one session, through both readers of them: the
// consumer's wire::Decoder and the FrameReader that pgsync_decode uses in the server. Neither may
// crash, take more memory than is in proportion, or return something that contradicts itself.
//
//   input = frame*        frame = length:2 (big endian; more than is left means all of it) bytes
//
// With PGSYNC_FUZZ_STRICT in the environment every frame has to decode: for the corpus, which would
// teach nothing if the first check threw it away.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "consumer/wire/decode.h"
#include "decoder/frame_reader.h"

namespace {

#define REQUIRE(condition)                                  \
  do {                                                      \
    if (!(condition)) {                                     \
      std::cerr << "does not hold: " << #condition << '\n'; \
      std::abort();                                         \
    }                                                       \
  } while (false)

// A number or a time is at most this much longer as text than in the frame.
constexpr size_t kTextPerByte = 16;

// The same frame by the other reader: it knows tokens, not records.
bool ReadsToItsEnd(std::string_view frame) {
  pgsync_wire::FrameReader reader(frame);
  pgsync_wire::Token token;
  size_t tokens = 0;
  while (!reader.AtEnd()) {
    const size_t before = reader.Position();
    if (!reader.Next(&token)) {
      REQUIRE(reader.problem() != nullptr);
      return false;
    }
    REQUIRE(reader.problem() == nullptr);
    REQUIRE(reader.Position() > before && reader.Position() <= frame.size());
    if (!token.bytes.empty()) {
      REQUIRE(token.bytes.data() >= frame.data());
      REQUIRE(token.bytes.data() + token.bytes.size() <= frame.data() + frame.size());
    }
    REQUIRE(token.elements <= frame.size());
    REQUIRE(++tokens <= frame.size());
  }
  return true;
}

// What the session's records say about themselves, kept apart from the decoder's own bookkeeping.
class Session {
 public:
  void Check(const std::vector<model::Record>& records, size_t frame_bytes) {
    REQUIRE(records.size() <= frame_bytes);
    text_ = 0;
    for (const model::Record& record : records) {
      std::visit([this](const auto& r) { Check(r); }, record);
    }
    REQUIRE(text_ <= kTextPerByte * frame_bytes);
  }

 private:
  enum class Place { kBetween, kTransaction, kBlock };

  void Check(const model::Relation& relation) {
    REQUIRE(std::string_view("dnfi").find(relation.identity) != std::string_view::npos);
  }
  void Check(const std::vector<model::Value>& row, const model::Relation& relation) {
    REQUIRE(row.empty() || row.size() == relation.columns.size());
    for (const model::Value& value : row) {
      text_ += value.text.size();
      REQUIRE(value.kind == model::Value::Kind::kText || value.text.empty());
    }
  }
  void Check(const model::RowChange& change) {
    REQUIRE(place_ != Place::kBetween);
    REQUIRE(change.relation != nullptr);
    Check(*change.relation);
    Check(change.old_row, *change.relation);
    Check(change.new_row, *change.relation);
    const bool has_old = change.old_kind != model::OldRow::kAbsent;
    REQUIRE(has_old || change.old_row.empty());
    const bool has_new = change.kind != model::RowChange::Kind::kDelete;
    REQUIRE(change.relation->columns.empty() || has_new == !change.new_row.empty());
    REQUIRE(change.kind != model::RowChange::Kind::kInsert || !has_old);
  }
  void Check(const model::Truncate& truncate) {
    REQUIRE(place_ != Place::kBetween && !truncate.relations.empty());
    for (const auto& relation : truncate.relations) {
      REQUIRE(relation != nullptr);
      Check(*relation);
    }
  }
  void Check(const model::LogicalMessage& message) {
    REQUIRE(message.transactional == (place_ != Place::kBetween));
    text_ += message.prefix.size() + message.content.size();
  }
  void Check(const model::Begin&) { Enter(Place::kTransaction); }
  void Check(const model::Commit&) { Leave(Place::kTransaction); }
  void Check(const model::StreamStart& start) {
    Enter(Place::kBlock);
    REQUIRE(open_.insert(start.xid).second == start.first);
  }
  void Check(const model::StreamStop&) { Leave(Place::kBlock); }
  void Check(const model::Subtransaction&) { REQUIRE(place_ == Place::kBlock); }
  void Check(const model::StreamCommit& commit) {
    REQUIRE(place_ == Place::kBetween && open_.erase(commit.xid) == 1);
  }
  void Check(const model::StreamAbort& abort) {
    REQUIRE(place_ == Place::kBetween && open_.count(abort.xid) == 1);
    if (abort.xid == abort.subxid) open_.erase(abort.xid);
  }
  void Check(const model::Statistics& statistics) {
    REQUIRE(place_ == Place::kBetween);
    for (const model::Counters& counters : statistics.relations) {
      REQUIRE(!counters.relation || counters.relation->id == counters.relid);
    }
  }
  void Enter(Place place) {
    REQUIRE(place_ == Place::kBetween);
    place_ = place;
  }
  void Leave(Place place) {
    REQUIRE(place_ == place);
    place_ = Place::kBetween;
  }

  Place place_ = Place::kBetween;
  std::unordered_set<uint32_t> open_;
  size_t text_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool strict = std::getenv("PGSYNC_FUZZ_STRICT") != nullptr;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  wire::Decoder decoder({.streaming = true, .statistics = true});
  Session session;
  while (input.size() >= 2) {
    const size_t claimed =
        static_cast<size_t>(static_cast<uint8_t>(input[0])) << 8 | static_cast<uint8_t>(input[1]);
    input.remove_prefix(2);
    // An allocation of its own, so that a read behind the end is seen.
    const std::string_view piece = input.substr(0, claimed);
    const std::vector<char> copy(piece.begin(), piece.end());
    const std::string_view frame(copy.data(), copy.size());
    input.remove_prefix(frame.size());

    const bool readable = ReadsToItsEnd(frame);
    const auto records = decoder.Decode(frame);
    if (!records) {
      REQUIRE(records.error().kind == base::ErrorKind::kFatal);
      REQUIRE(records.error().message.find(", byte ") != std::string::npos);
      if (strict && size > 0) {  // the engine itself begins with an empty input
        std::cerr << records.error().message << '\n';
        std::abort();
      }
      break;
    }
    REQUIRE(readable);
    session.Check(*records, frame.size());
  }
  return 0;
}
