// tests/golden/*.bin, as the plugin sent them, must decode to what the server's own pgsync_decode
// says of the same bytes (the .json beside each). The frames of a scenario are one session and are
// read in order by one Decoder.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "consumer/wire/decode.h"
#include "consumer/wire/value_text.h"

namespace wire {
namespace {

using nlohmann::json;

const std::filesystem::path kGolden = std::filesystem::path(PGSYNC_SOURCE_DIR) / "tests/golden";

std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// Scenario -> its frames by number.
std::map<std::string, std::map<int, std::filesystem::path>> Scenarios() {
  std::map<std::string, std::map<int, std::filesystem::path>> scenarios;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    if (entry.path().extension() != ".bin") continue;
    const std::string stem = entry.path().stem();
    const size_t dash = stem.rfind('-');
    scenarios[stem.substr(0, dash)][std::stoi(stem.substr(dash + 1))] = entry.path();
  }
  return scenarios;
}

std::string HexText(const std::string& bytes) {
  std::string text = "\\x";
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// "" when `value` is what pgsync_decode shows as `expected`.
std::string ValueDiffers(const model::Value& value, const json& expected) {
  using Kind = model::Value::Kind;
  const auto kind = [&](Kind wanted) -> std::string {
    return value.kind == wanted ? "" : "another kind than " + expected.dump();
  };
  const auto text = [&](const std::string& wanted) -> std::string {
    if (value.kind != Kind::kText) return kind(Kind::kText);
    return value.text == wanted ? "" : "\"" + value.text + "\" is not " + expected.dump();
  };
  if (expected.is_null()) return kind(Kind::kNull);
  if (expected.is_string()) return text(expected.get<std::string>());
  if (expected.is_number_float()) {
    // float4 arrives as the shortest text of a float; read as a double it is the same shortest
    // decimal.
    const bool same = value.kind == Kind::kText &&
                      std::strtod(value.text.c_str(), nullptr) == expected.get<double>();
    return same ? "" : "\"" + value.text + "\" is not " + expected.dump();
  }
  if (!expected.is_object()) return text(expected.dump());  // integers and booleans
  const std::string& type = expected.begin().key();
  if (type == "missing") return kind(Kind::kMissing);
  if (type == "unchanged") return kind(Kind::kUnchanged);
  if (type == "raw") {
    return HexText(value.text) == expected.begin()->get<std::string>() ? "" : "raw text differs";
  }
  return text(expected.begin()->get<std::string>());
}

void ExpectRow(const std::vector<model::Value>& row, const json& record, const char* key) {
  const json expected = record.value(key, json::array());
  ASSERT_EQ(row.size(), expected.size()) << key;
  for (size_t i = 0; i < row.size(); ++i) EXPECT_EQ(ValueDiffers(row[i], expected[i]), "") << i;
}

std::string LsnOf(const json& record, const char* key) { return record.at(key); }
std::string Time(int64_t microseconds) { return TimestampText(microseconds, "+00"); }

// Compares records with those of the .json; relations are remembered as the plugin described them.
class Expectation {
 public:
  void Expect(const std::vector<model::Record>& records, const json& expected) {
    size_t next = 0;
    for (const json& record : expected) {
      SCOPED_TRACE(record.dump().substr(0, 300));
      if (record.at("record") == "relation") {
        relations_[record.at("relid")] = record;
        continue;
      }
      ASSERT_LT(next, records.size());
      std::visit([&](const auto& actual) { Compare(actual, record); }, records[next++]);
    }
    EXPECT_EQ(next, records.size());
  }

 private:
  void Compare(const model::Begin& begin, const json& record) {
    EXPECT_EQ(record.at("record"), "begin");
    EXPECT_EQ(base::ToString(begin.commit_lsn), LsnOf(record, "commit_lsn"));
    EXPECT_EQ(Time(begin.commit_time_us), record.at("commit_time"));
    EXPECT_EQ(begin.xid, record.at("xid"));
  }
  void Compare(const model::Commit& commit, const json& record) {
    EXPECT_EQ(record.at("record"), "commit");
    EXPECT_EQ(base::ToString(commit.commit_lsn), LsnOf(record, "commit_lsn"));
    EXPECT_EQ(base::ToString(commit.end_lsn), LsnOf(record, "end_lsn"));
    EXPECT_EQ(Time(commit.commit_time_us), record.at("commit_time"));
  }
  void Compare(const model::StreamStart& start, const json& record) {
    EXPECT_EQ(record.at("record"), "stream_start");
    EXPECT_EQ(start.xid, record.at("xid"));
    EXPECT_EQ(start.first, record.at("first"));
  }
  void Compare(const model::StreamStop&, const json& record) {
    EXPECT_EQ(record.at("record"), "stream_stop");
  }
  void Compare(const model::StreamCommit& commit, const json& record) {
    EXPECT_EQ(record.at("record"), "stream_commit");
    EXPECT_EQ(commit.xid, record.at("xid"));
    EXPECT_EQ(base::ToString(commit.commit_lsn), LsnOf(record, "commit_lsn"));
    EXPECT_EQ(base::ToString(commit.end_lsn), LsnOf(record, "end_lsn"));
    EXPECT_EQ(Time(commit.commit_time_us), record.at("commit_time"));
  }
  void Compare(const model::StreamAbort& abort, const json& record) {
    EXPECT_EQ(record.at("record"), "stream_abort");
    EXPECT_EQ(abort.xid, record.at("xid"));
    EXPECT_EQ(abort.subxid, record.at("subxid"));
  }
  void Compare(const model::Subtransaction& subtransaction, const json& record) {
    EXPECT_EQ(record.at("record"), "subtransaction");
    EXPECT_EQ(subtransaction.subxid, record.at("subxid"));
  }
  void Compare(const model::Statistics& statistics, const json& record) {
    EXPECT_EQ(record.at("record"), "statistics");
    ASSERT_EQ(statistics.relations.size(), record.at("relations").size());
    for (size_t i = 0; i < statistics.relations.size(); ++i) {
      const model::Counters& counters = statistics.relations[i];
      const json& expected = record.at("relations")[i];
      EXPECT_EQ(counters.relid, expected.at("relid"));
      EXPECT_EQ(counters.decoded, expected.at("decoded"));
      EXPECT_EQ(counters.filtered, expected.at("filtered"));
      EXPECT_EQ(counters.suppressed, expected.at("suppressed"));
      EXPECT_EQ(counters.sent, expected.at("sent"));
      EXPECT_EQ(counters.bytes, expected.at("bytes"));
    }
  }
  void Compare(const model::RowChange& change, const json& record) {
    const char* const kinds[] = {"insert", "update", "delete"};
    const char* const old_kinds[] = {"absent", "key", "full"};
    EXPECT_EQ(record.at("record"), kinds[static_cast<int>(change.kind)]);
    EXPECT_EQ(record.value("old_kind", "absent"), old_kinds[static_cast<int>(change.old_kind)]);
    CompareRelation(*change.relation, record.at("relid"));
    ExpectRow(change.old_row, record, "old");
    ExpectRow(change.new_row, record, "row");
  }
  void Compare(const model::Truncate& truncate, const json& record) {
    EXPECT_EQ(record.at("record"), "truncate");
    EXPECT_EQ(record.at("flags"),
              (truncate.cascade ? 1 : 0) + (truncate.restart_sequences ? 2 : 0));
    ASSERT_EQ(record.at("relids").size(), truncate.relations.size());
    for (size_t i = 0; i < truncate.relations.size(); ++i) {
      CompareRelation(*truncate.relations[i], record.at("relids")[i]);
    }
  }
  void Compare(const model::LogicalMessage& message, const json& record) {
    EXPECT_EQ(record.at("record"), "message");
    EXPECT_EQ(message.transactional, record.at("transactional"));
    EXPECT_EQ(base::ToString(message.lsn), LsnOf(record, "lsn"));
    EXPECT_EQ(message.prefix, record.at("prefix"));
    EXPECT_EQ(HexText(message.content), record.at("content"));
  }
  void CompareRelation(const model::Relation& relation, uint32_t relid) {
    EXPECT_EQ(relation.id, relid);
    const json& expected = relations_.at(relid);
    EXPECT_EQ(relation.schema, expected.at("schema"));
    EXPECT_EQ(relation.table, expected.at("table"));
    EXPECT_EQ(std::string(1, relation.identity), expected.at("identity"));
    ASSERT_EQ(relation.columns.size(), expected.at("columns").size());
    for (size_t i = 0; i < relation.columns.size(); ++i) {
      EXPECT_EQ(relation.columns[i].name, expected.at("columns")[i].at("name"));
      EXPECT_EQ(relation.columns[i].type_oid, expected.at("columns")[i].at("type_oid"));
      EXPECT_EQ(relation.columns[i].in_identity, expected.at("columns")[i].at("in_identity"));
    }
  }

  std::map<uint32_t, json> relations_;
};

TEST(Golden, FramesDecodeToWhatTheServerReadsInThem) {
  int frames_read = 0;
  for (const auto& [scenario, frames] : Scenarios()) {
    Decoder decoder({.streaming = true, .statistics = true});
    Expectation expectation;
    for (const auto& [number, path] : frames) {
      SCOPED_TRACE(path.filename().string());
      const auto records = decoder.Decode(FileBytes(path));
      ASSERT_TRUE(records.ok()) << records.error().message;
      auto json_path = path;
      const json expected = json::parse(FileBytes(json_path.replace_extension(".json")));
      expectation.Expect(*records, expected.at("records"));
      ++frames_read;
    }
  }
  EXPECT_GT(frames_read, 15);
}

TEST(Golden, EveryTruncationIsSurvived) {
  for (const auto& [scenario, frames] : Scenarios()) {
    const std::string whole = FileBytes(frames.begin()->second);
    // The large ones differ from the small ones only in the length of their texts.
    if (whole.size() > 4096) continue;
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<long>(size));
      Decoder decoder;
      const auto records = decoder.Decode(std::string_view(cut.data(), cut.size()));
      if (records.ok()) {
        EXPECT_GT(size, 1u);
      }
    }
  }
}

}  // namespace
}  // namespace wire
