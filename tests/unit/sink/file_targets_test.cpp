// The sqlite, ndjson and null targets, in a directory of their own.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "consumer/sink/search_text.h"
#include "consumer/sink/state_json.h"
#include "consumer/sink/target.h"
#include "tests/unit/sink/bulk_builder.h"

namespace sink {
namespace {

using model::ItemStatus;
using sink_test::Delete;
using sink_test::Put;

struct FileTargets : testing::Test {
  FileTargets() {
    std::string pattern = testing::TempDir() + "/pgsync-sink-XXXXXX";
    directory = mkdtemp(pattern.data());
  }
  ~FileTargets() override { std::filesystem::remove_all(directory); }

  std::string At(const std::string& name) const { return directory + "/" + name; }

  static std::vector<ItemStatus> Write(Target& target, const model::BulkRequest& request) {
    auto outcome = target.NewWriter()->Write(request);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    std::vector<ItemStatus> statuses;
    if (outcome) {
      for (const auto& item : outcome->items) statuses.push_back(item.status);
    }
    return statuses;
  }

  // All rows of a query, columns joined by |, rows by newlines.
  std::string Query(const std::string& sql) const {
    sqlite3* database = nullptr;
    std::string rows;
    EXPECT_EQ(sqlite3_open(At("d.db").c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    sqlite3_exec(
        database, sql.c_str(),
        [](void* out, int n, char** values, char**) {
          for (int i = 0; i < n; ++i) {
            *static_cast<std::string*>(out) +=
                std::string(i ? "|" : "") + (values[i] ? values[i] : "NULL");
          }
          *static_cast<std::string*>(out) += "\n";
          return 0;
        },
        &rows, &error);
    EXPECT_EQ(error, nullptr) << error;
    sqlite3_free(error);
    sqlite3_close(database);
    return rows;
  }

  static std::string Read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::string directory;
  std::vector<schema::DocumentTree> trees = sink_test::Trees({"book", "author"});
};

// SQLite

TEST_F(FileTargets, SqliteKeepsTheNewestVersion) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  ASSERT_TRUE(target->Probe().ok());
  model::BulkRequest first;
  Put(&first, "1", 10, R"({"t":"alpha"})");
  Put(&first, "2", 10, R"({"t":"beta"})");
  Put(&first, "1", 10, R"({"t":"gamma"})", 1);
  EXPECT_EQ(Write(*target, first),
            (std::vector{ItemStatus::kDone, ItemStatus::kDone, ItemStatus::kDone}));
  model::BulkRequest second;
  Put(&second, "1", 9, R"({"t":"old"})");      // older
  Put(&second, "2", 10, R"({"t":"again"})");   // the same: overwrites
  Delete(&second, "3", 11);                    // never existed
  Put(&second, "3", 10, R"({"t":"undead"})");  // older than its deletion
  Delete(&second, "2", 9);                     // older than the document
  EXPECT_EQ(Write(*target, second),
            (std::vector{ItemStatus::kFresher, ItemStatus::kDone, ItemStatus::kDone,
                         ItemStatus::kFresher, ItemStatus::kFresher}));
  EXPECT_EQ(Query("SELECT \"index\", id, routing, version, body FROM documents ORDER BY 1, 2"),
            "author|1|NULL|10|{\"t\":\"gamma\"}\nbook|1|NULL|10|{\"t\":\"alpha\"}\nbook|2|NULL|10|{"
            "\"t\":\"again\"}\n");
  EXPECT_EQ(*target->Count(trees[0]), 2u);
  EXPECT_EQ(*target->Count(trees[1]), 1u);
}

TEST_F(FileTargets, SqliteDeletesAndWritesAgain) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  ASSERT_TRUE(target->Probe().ok());
  model::BulkRequest request;
  Put(&request, "1", 10, R"({"t":"alpha"})");
  Delete(&request, "1", 11);
  Put(&request, "1", 11, R"({"t":"back"})");
  Write(*target, request);
  EXPECT_EQ(Query("SELECT id, version FROM documents"), "1|11\n");
  EXPECT_EQ(Query("SELECT count(*) FROM tombstones"), "0\n");
}

TEST_F(FileTargets, SqliteUnversionedWritesAlwaysWin) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  ASSERT_TRUE(target->Probe().ok());
  model::BulkRequest request;
  Put(&request, "1", 0, R"({"t":"a"})");
  Put(&request, "1", 0, R"({"t":"b"})");
  Put(&request, "2", 0, R"({"t":"c"})");
  Delete(&request, "2", 0);
  Write(*target, request);
  EXPECT_EQ(Query("SELECT id, body FROM documents"), "1|{\"t\":\"b\"}\n");
}

TEST_F(FileTargets, SqliteSearchFollowsTheDocuments) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  ASSERT_TRUE(target->Probe().ok());
  const auto hits = [this](const std::string& word) {
    return Query(
        "SELECT d.id FROM documents_fts f JOIN documents d ON d.docid = f.rowid "
        "WHERE documents_fts MATCH '" +
        word + "' ORDER BY d.id");
  };
  model::BulkRequest request;
  Put(&request, "1", 1,
      R"({"title":"Moby \"Dick\"","tags":["whale","sea"],"n":42,"nested":{"deep":"caf\u00e9"}})");
  Put(&request, "2", 1, R"({"title":"whale song"})");
  Write(*target, request);
  EXPECT_EQ(hits("whale"), "1\n2\n");
  EXPECT_EQ(hits("dick"), "1\n");
  EXPECT_EQ(hits("café"), "1\n");
  EXPECT_EQ(hits("title"), "");  // keys are not text
  EXPECT_EQ(Query("SELECT snippet(documents_fts, 0, '[', ']', '', 5) FROM documents_fts WHERE "
                  "documents_fts MATCH 'song'"),
            "whale [song]\n");
  model::BulkRequest change;
  Put(&change, "1", 2, R"({"title":"Moby"})");
  Delete(&change, "2", 2);
  Write(*target, change);
  EXPECT_EQ(hits("whale"), "");
  EXPECT_EQ(hits("moby"), "1\n");
  Query("INSERT INTO documents_fts(documents_fts) VALUES('integrity-check')");
  Query("VACUUM");
  EXPECT_EQ(hits("moby"), "1\n");
}

TEST_F(FileTargets, SqliteSweepDeletesWhatIsOlder) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  ASSERT_TRUE(target->Probe().ok());
  model::BulkRequest request;
  for (int i = 0; i < 2500; ++i) Put(&request, std::to_string(i), i < 2400 ? 5 : 7, R"({"t":"x"})");
  Put(&request, "other", 5, R"({"t":"x"})", 1);
  Write(*target, request);
  // The tables have the first one; the second was refused before, and is gone from them.
  ASSERT_TRUE(
      target->WriteRejected(trees[0], {{"3", "", "{}", 7, {}}, {"4", "", "{}", 6, {}}}).ok());
  auto swept = target->Sweep(trees[0], 7);
  ASSERT_TRUE(swept.ok()) << swept.error().message;
  EXPECT_EQ(*swept, 2399u);
  EXPECT_EQ(*target->Count(trees[0]), 101u);
  EXPECT_EQ(*target->Count(trees[1]), 1u);
  model::BulkRequest late;
  Put(&late, "1", 6, R"({"t":"undead"})");
  EXPECT_EQ(Write(*target, late), std::vector{ItemStatus::kFresher});
}

TEST_F(FileTargets, SqliteStateAndDeadLettersSurviveAndDrop) {
  {
    auto target = MakeSqliteTarget(At("d.db"), trees);
    ASSERT_TRUE(target->Probe().ok());
    EXPECT_FALSE(target->ReadState(trees[0])->has_value());
    ASSERT_TRUE(target->Create(trees[0], sink_test::State()).ok());
    ASSERT_TRUE(target->Create(trees[1], sink_test::State()).ok());
    ASSERT_TRUE(target->WriteRejected(trees[0], {{"x", "reason", "{}", 7, base::Lsn{0x100}}}).ok());
    ASSERT_TRUE(target->WriteRejected(trees[0], {{"x", "again", "{}", 8, base::Lsn{0x200}}}).ok());
    model::BulkRequest request;
    Put(&request, "1", 1, R"({"t":"word"})");
    Put(&request, "2", 1, R"({"t":"word"})", 1);
    Write(*target, request);
  }
  auto target = MakeSqliteTarget(At("d.db"), trees);
  EXPECT_EQ(**target->ReadState(trees[0]), sink_test::State());
  EXPECT_EQ(Query("SELECT \"index\", id, reason, version, lsn FROM rejected"),
            "book|x|again|8|0/200\n");
  ASSERT_TRUE(target->Drop(trees[0]).ok());
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  EXPECT_TRUE(target->ReadState(trees[1])->has_value());
  EXPECT_EQ(Query("SELECT id FROM documents"), "2\n");
  EXPECT_EQ(Query("SELECT count(*) FROM rejected"), "0\n");
  EXPECT_EQ(Query("SELECT rowid FROM documents_fts WHERE documents_fts MATCH 'word'"), "2\n");
}

TEST_F(FileTargets, SqliteKeepsALetterWhoseDocumentNoRowTakes) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  std::vector<Rejected> letters(2);
  letters[0] = {"large", "no", std::string(1'000'000'000, ' '), 7, base::Lsn{0x100}};
  letters[1] = {"other", "no", "{}", 7, base::Lsn{0x100}};
  const auto stored = target->WriteRejected(trees[0], letters);
  ASSERT_TRUE(stored.ok()) << stored.error().message;
  EXPECT_EQ(Query("SELECT id, document FROM rejected ORDER BY id"),
            "large|{\"left_out_bytes\":1000000000}\nother|{}\n");
}

TEST_F(FileTargets, SqliteWritersOfManyThreadsTakeTurns) {
  auto target = MakeSqliteTarget(At("d.db"), trees);
  ASSERT_TRUE(target->Probe().ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      auto writer = target->NewWriter();
      for (int round = 0; round < 10; ++round) {
        model::BulkRequest request;
        for (int i = 0; i < 20; ++i) {
          Put(&request, std::to_string(i), static_cast<uint64_t>(round * 4 + t + 1),
              R"({"t":"x"})");
        }
        auto outcome = writer->Write(request);
        EXPECT_TRUE(outcome.ok()) << outcome.error().message;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Query("SELECT count(*), min(version), max(version) FROM documents"), "20|40|40\n");
}

TEST_F(FileTargets, SqliteRefusesWhatItCannotUse) {
  std::ofstream(At("text")) << "this is no database, and it is long enough to be taken for one: "
                            << std::string(2000, 'x');
  EXPECT_EQ(MakeSqliteTarget(At("text"), trees)->Probe().error().kind, base::ErrorKind::kRefused);
  EXPECT_EQ(MakeSqliteTarget(At("no/such/d.db"), trees)->Probe().error().kind,
            base::ErrorKind::kRefused);
  Query("PRAGMA user_version = 99");
  EXPECT_EQ(MakeSqliteTarget(At("d.db"), trees)->Probe().error().kind, base::ErrorKind::kRefused);
}

// NDJSON

TEST_F(FileTargets, NdjsonAppendsActionsWithTheirIndex) {
  auto target = MakeNdjsonTarget(At("out"), trees);
  ASSERT_TRUE(target->Probe().ok());
  model::BulkRequest request;
  Put(&request, "1", 3, R"({"t":"x"})");
  Delete(&request, "2", 4, 1);
  Write(*target, request);
  EXPECT_EQ(Read(At("out")),
            "{\"index\":{\"_index\":\"book\",\"_id\":\"1\",\"version\":3,\"version_type\":"
            "\"external_gte\"}}\n"
            "{\"t\":\"x\"}\n"
            "{\"delete\":{\"_index\":\"author\",\"_id\":\"2\",\"version\":4,\"version_type\":"
            "\"external_gte\"}}\n");
}

TEST_F(FileTargets, NdjsonCountsAndSweepsThePresent) {
  auto target = MakeNdjsonTarget(At("out"), trees);
  model::BulkRequest request;
  Put(&request, "1", 3, "{}");
  Put(&request, "2", 3, "{}");
  Put(&request, "3", 9, "{}");
  Delete(&request, "2", 4);
  Put(&request, "2", 3, "{}");  // late, and older than the deletion
  Put(&request, "1", 3, "{}", 1);
  Put(&request, "refused", 3, "{}");
  Put(&request, "refused before", 3, "{}");
  Write(*target, request);
  ASSERT_TRUE(target
                  ->WriteRejected(
                      trees[0], {{"refused", "", "{}", 9, {}}, {"refused before", "", "{}", 8, {}}})
                  .ok());
  EXPECT_EQ(*target->Count(trees[0]), 4u);
  EXPECT_EQ(*target->Sweep(trees[0], 9), 2u);
  EXPECT_EQ(*target->Count(trees[0]), 2u);
  EXPECT_EQ(*target->Count(trees[1]), 1u);
  EXPECT_EQ(*target->Sweep(trees[0], 9), 0u);
}

TEST_F(FileTargets, NdjsonCutsATornEndAndGoesOn) {
  model::BulkRequest request;
  Put(&request, "1", 3, R"({"t":"x"})");
  {
    auto target = MakeNdjsonTarget(At("out"), trees);
    Write(*target, request);
    ASSERT_TRUE(target->WriteState(trees[0], sink_test::State()).ok());
    Write(*target, request);
  }
  const std::string whole = Read(At("out"));
  for (const std::string torn :
       {"{\"index\":{\"_in", "{\"index\":{\"_index\":\"book\",\"_id\":\"9\"}}\n",
        "{\"index\":{\"_index\":\"book\",\"_id\":\"9\"}}\n{\"t\":"}) {
    std::ofstream(At("out"), std::ios::app) << torn;
    auto target = MakeNdjsonTarget(At("out"), trees);
    ASSERT_TRUE(target->Probe().ok());
    EXPECT_EQ(Read(At("out")), whole);
    EXPECT_EQ(**target->ReadState(trees[0]), sink_test::State());
  }
}

TEST_F(FileTargets, NdjsonNoticesThatTheFileLostItsEnd) {
  {
    auto target = MakeNdjsonTarget(At("out"), trees);
    model::BulkRequest request;
    Put(&request, "1", 3, R"({"t":"x"})");
    Write(*target, request);
    ASSERT_TRUE(target->Create(trees[0], sink_test::State()).ok());
  }
  std::filesystem::resize_file(At("out"), 3);
  EXPECT_EQ(MakeNdjsonTarget(At("out"), trees)->Probe().error().kind, base::ErrorKind::kRefused);
}

TEST_F(FileTargets, NdjsonDropsOneIndexAndThenItsFiles) {
  auto target = MakeNdjsonTarget(At("out"), trees);
  model::BulkRequest request;
  Put(&request, "1", 3, "{}");
  Put(&request, "2", 3, "{}", 1);
  Write(*target, request);
  for (const auto& tree : trees) {
    ASSERT_TRUE(target->Create(tree, sink_test::State()).ok());
    ASSERT_TRUE(target->WriteRejected(tree, {{"x", "why", "{}", 1, base::Lsn{1}}}).ok());
  }
  ASSERT_TRUE(target->Drop(trees[0]).ok());
  EXPECT_EQ(*target->Count(trees[0]), 0u);
  EXPECT_EQ(*target->Count(trees[1]), 1u);
  EXPECT_EQ(Read(At("out.rejected")).find("book-rejected"), std::string::npos);
  EXPECT_TRUE(target->ReadState(trees[1])->has_value());
  ASSERT_TRUE(target->Drop(trees[1]).ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST_F(FileTargets, NdjsonRefusesAFileOfSomethingElse) {
  std::ofstream(At("out")) << "{\"not\": \"an action\"}\n";
  EXPECT_EQ(MakeNdjsonTarget(At("out"), trees)->Probe().error().kind, base::ErrorKind::kRefused);
}

// null

TEST_F(FileTargets, NullCountsAndRemembersItsState) {
  auto target = MakeNullTarget("");
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
  ASSERT_TRUE(target->Create(trees[0], sink_test::State()).ok());
  model::BulkRequest request;
  Put(&request, "1", 3, "{}");
  Delete(&request, "2", 3);
  Write(*target, request);
  EXPECT_EQ(*target->Count(trees[0]), 1u);
  EXPECT_EQ(**target->ReadState(trees[0]), sink_test::State());
  ASSERT_TRUE(target->Drop(trees[0]).ok());
  EXPECT_FALSE(target->ReadState(trees[0])->has_value());
}

TEST_F(FileTargets, NullKeepsItsStateInAFile) {
  ASSERT_TRUE(MakeNullTarget(At("null"))->Create(trees[0], sink_test::State()).ok());
  auto target = MakeNullTarget(At("null"));
  ASSERT_TRUE(target->Probe().ok());
  EXPECT_EQ(**target->ReadState(trees[0]), sink_test::State());
  EXPECT_FALSE(target->ReadState(trees[1])->has_value());
  ASSERT_TRUE(MakeNullTarget(At("null"))->Drop(trees[0]).ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory));

  std::ofstream(At("null")) << "{\"format\": 2}";
  EXPECT_EQ(MakeNullTarget(At("null"))->Probe().error().kind, base::ErrorKind::kRefused);
}

// Their parts

TEST(StateJson, ComesBackAsItWas) {
  const auto state = ParseState(StateToJson(sink_test::State()), "here");
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(*state, sink_test::State());
}

TEST(StateJson, RefusesWhatItDoesNotKnow) {
  for (const std::string text : {"", "[]", "{}", R"({"format":2})", R"({"format":"1"})",
                                 R"({"format":1})", R"({"format":1,"fingerprint":7})"}) {
    const auto state = ParseState(text, "index \"book_1\"");
    ASSERT_FALSE(state.ok()) << text;
    EXPECT_EQ(state.error().kind, base::ErrorKind::kRefused);
    EXPECT_NE(state.error().message.find("book_1"), std::string::npos);
  }
}

TEST(SearchText, TakesStringsAndLeavesKeys) {
  const auto words = [](std::string_view json) {
    std::string out;
    AppendSearchText(json, &out);
    return out;
  };
  EXPECT_EQ(words(R"({"a":"x","b" : ["y",1,true,null,{"c":"z"}]})"), "x y z ");
  EXPECT_EQ(words(R"({"a\"b":"q\"r\\s\/t\nu"})"), "q\"r\\s/t u ");
  EXPECT_EQ(words(R"(["\u00e9\ud83d\ude00\ud83d\u0000"])"), "é😀   ");
  EXPECT_EQ(words("\"open"), "open");
  EXPECT_EQ(words(R"("bad \u12)"), "bad 12");
  EXPECT_EQ(words("\"end\\"), "end");
  EXPECT_EQ(words(""), "");
}

}  // namespace
}  // namespace sink
