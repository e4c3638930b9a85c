// Transactions in progress kept aside: what comes out is what went in, in memory and through files,
// without what was aborted.
#include "consumer/spool/spool.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace spool {
namespace {

using Documents = std::set<std::string>;

class SpoolTest : public ::testing::Test {
 protected:
  SpoolTest() {
    std::string name = (std::filesystem::temp_directory_path() / "pgsync-unit-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~SpoolTest() override { std::filesystem::remove_all(directory_); }

  Limits Small(size_t memory, size_t part = 64) { return {memory, part, directory_}; }

  static void Touch(Spool* spool, uint32_t xid, uint32_t subxid, const std::string& id) {
    auto part = spool->Part(xid, subxid);
    ASSERT_TRUE(part) << part.error().message;
    (*part)->touches.push_back({1, 2, {id}});
    const auto grown = spool->Grew(id.size() + 16);
    ASSERT_TRUE(grown) << grown.error().message;
  }

  static Documents Committed(Spool* spool, uint32_t xid) {
    Documents documents;
    const auto started = spool->StartReplay(xid);
    EXPECT_TRUE(started) << started.error().message;
    while (started) {
      auto part = spool->Replay();
      EXPECT_TRUE(part) << part.error().message;
      if (!part || !*part) break;
      for (const model::Touch& touch : (*part)->touches) {
        EXPECT_EQ(touch.document, 1u);
        EXPECT_EQ(touch.entry, 2u);
        EXPECT_TRUE(documents.insert(*touch.values.at(0)).second) << "twice: " << *touch.values[0];
      }
    }
    return documents;
  }

  std::string directory_;
};

TEST_F(SpoolTest, GivesBackWhatCommitted) {
  Spool spool(Small(1 << 20));
  Touch(&spool, 5, 5, "a");
  Touch(&spool, 6, 6, "x");
  Touch(&spool, 5, 7, "b");
  Touch(&spool, 5, 5, "c");
  EXPECT_EQ(spool.Used().transactions, 2u);
  EXPECT_EQ(Committed(&spool, 5), (Documents{"a", "b", "c"}));
  EXPECT_EQ(Committed(&spool, 6), (Documents{"x"}));
  EXPECT_EQ(spool.Used().transactions, 0u);
  EXPECT_EQ(spool.Used().memory_bytes, 0u);
}

TEST_F(SpoolTest, TransactionWithoutTouchesIsEmpty) {
  Spool spool(Small(1 << 20));
  EXPECT_EQ(Committed(&spool, 5), Documents{});
}

TEST_F(SpoolTest, KeepsATouchOncePerPart) {
  Spool spool(Small(1 << 20, 1 << 20));
  for (int i = 0; i < 3; ++i) Touch(&spool, 5, 5, "a");
  EXPECT_EQ(Committed(&spool, 5), (Documents{"a"}));
}

TEST_F(SpoolTest, KeepsRebuilds) {
  Spool spool(Small(1 << 20));
  auto part = spool.Part(5, 5);
  ASSERT_TRUE(part);
  (*part)->rebuilds.push_back({3, true});
  ASSERT_TRUE(spool.Grew(16));
  Touch(&spool, 5, 6, "a");
  ASSERT_TRUE(spool.StartReplay(5));
  auto replayed = spool.Replay();
  ASSERT_TRUE(replayed && *replayed);
  EXPECT_EQ((*replayed)->rebuilds, (std::vector<model::Rebuild>{{3, true}}));
}

TEST_F(SpoolTest, AbortOfTheWholeForgetsAllOfIt) {
  Spool spool(Small(200));
  for (int i = 0; i < 100; ++i) Touch(&spool, 5, 5 + i % 3, "long document " + std::to_string(i));
  EXPECT_GT(spool.Used().file_bytes, 0u);
  spool.Abort(5, 5);
  EXPECT_EQ(spool.Used().transactions, 0u);
  EXPECT_EQ(spool.Used().memory_bytes, 0u);
  EXPECT_EQ(spool.Used().file_bytes, 0u);
}

TEST_F(SpoolTest, AbortOfASubtransactionTakesNothingElse) {
  for (const size_t memory : {size_t{1} << 20, size_t{0}}) {  // in memory, and all in a file
    Spool spool(Small(memory));
    Touch(&spool, 5, 5, "top");
    Touch(&spool, 5, 6, "aborted");
    Touch(&spool, 5, 7, "nested");
    Touch(&spool, 5, 6, "aborted too");
    Touch(&spool, 5, 5, "top again");
    Touch(&spool, 6, 7, "of another");
    spool.Abort(5, 6);
    spool.Abort(5, 99);
    spool.Abort(77, 77);
    EXPECT_EQ(Committed(&spool, 5), (Documents{"top", "nested", "top again"}));
    EXPECT_EQ(Committed(&spool, 6), (Documents{"of another"}));
  }
}

TEST_F(SpoolTest, AbortOfWhatIsStillPending) {
  Spool spool(Small(1 << 20));
  Touch(&spool, 5, 6, "aborted");
  spool.Abort(5, 6);
  Touch(&spool, 5, 5, "top");
  EXPECT_EQ(Committed(&spool, 5), (Documents{"top"}));
}

TEST_F(SpoolTest, FilesHaveNoName) {
  Spool spool(Small(0));
  Touch(&spool, 5, 5, std::string(100, 'a'));
  EXPECT_GT(spool.Used().file_bytes, 100u);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(SpoolTest, MemoryStaysWithinItsLimit) {
  constexpr size_t kMemory = 100 << 10;
  Spool spool(Small(kMemory, 1 << 10));
  std::map<uint32_t, Documents> expected;
  for (int i = 0; i < 20000; ++i) {
    const uint32_t xid = 5 + static_cast<uint32_t>(i % 7);
    std::string id = "document " + std::to_string(i);
    Touch(&spool, xid, xid, id);
    expected[xid].insert(std::move(id));
    ASSERT_LE(spool.Used().memory_bytes, kMemory + (2 << 10));
  }
  EXPECT_GT(spool.Used().file_bytes, 200'000u);
  for (const auto& [xid, documents] : expected) EXPECT_EQ(Committed(&spool, xid), documents);
  EXPECT_EQ(spool.Used().memory_bytes, 0u);
  EXPECT_EQ(spool.Used().file_bytes, 0u);
}

// Every one of them has something in the log before it is aborted.
TEST_F(SpoolTest, AbortedSubtransactionsAreForgottenWhenMemoryIsShort) {
  constexpr size_t kMemory = 256 << 10;
  Spool spool(Small(kMemory));
  size_t most = 0;
  for (uint32_t i = 0; i < 30'000; ++i) {
    const uint32_t subxid = 10 + 2 * i;  // every other id is somebody else's
    Touch(&spool, 5, subxid, "a");
    Touch(&spool, 5, 5, "top");
    spool.Abort(5, subxid);
    most = std::max(most, spool.Used().memory_bytes);
  }
  EXPECT_GT(spool.Used().file_bytes, 0u);
  EXPECT_LE(most, kMemory + 1000);
  ASSERT_TRUE(spool.StartReplay(5));
  while (true) {
    const auto part = spool.Replay();
    ASSERT_TRUE(part);
    if (!*part) break;
    ASSERT_EQ((*part)->touches.at(0).values.at(0), "top");
  }
}

TEST_F(SpoolTest, AbortedSubtransactionTakesFewBytesWhenItLiesInAFile) {
  constexpr uint32_t kMany = 3'000;
  Spool spool(Small(0));
  for (uint32_t i = 0; i < kMany; ++i) {
    Touch(&spool, 5, 10 + 2 * i, "a");
    Touch(&spool, 5, 5, "top");
    spool.Abort(5, 10 + 2 * i);
  }
  EXPECT_LE(spool.Used().memory_bytes, 8u * kMany + 100);
}

TEST_F(SpoolTest, FailureCountsOnlyWhenItCommits) {
  Spool spool(Small(1 << 20));
  spool.Fail(5, 6, base::Refused("dropped column"));
  spool.Fail(5, 7, base::Refused("dropped column"));
  spool.Abort(5, 6);
  spool.Abort(5, 7);
  Touch(&spool, 5, 5, "top");
  EXPECT_EQ(Committed(&spool, 5), (Documents{"top"}));

  spool.Fail(8, 8, base::Refused("dropped column"));
  spool.Fail(9, 9, base::Refused("dropped column"));
  spool.Fail(9, 10, base::Refused("another"));
  spool.Abort(8, 8);
  spool.Abort(9, 10);
  EXPECT_EQ(spool.Used().transactions, 1u);
  const auto started = spool.StartReplay(9);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, base::ErrorKind::kRefused);
  EXPECT_EQ(started.error().message, "dropped column");
}

TEST_F(SpoolTest, MissingDirectoryIsRefusedWithTheRemedy) {
  Spool spool({0, 1, directory_ + "/missing"});
  auto part = spool.Part(5, 5);
  ASSERT_TRUE(part);
  (*part)->touches.push_back({0, 0, {"a"}});
  const auto grown = spool.Grew(100);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().kind, base::ErrorKind::kRefused);
  for (const std::string& what : {directory_ + "/missing", std::string("No such file"),
                                  std::string("--spool-dir"), std::string("nothing is lost")}) {
    EXPECT_NE(grown.error().message.find(what), std::string::npos) << grown.error().message;
  }
}

// The limit on file sizes stands for a full disk: a write takes a part, the next one nothing.
TEST_F(SpoolTest, FullDiskIsRefusedWithTheRemedy) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  Spool spool(Small(0));
  base::Status status;
  for (int i = 0; i < 10 && status; ++i) {
    auto part = spool.Part(5, 5);
    ASSERT_TRUE(part);
    (*part)->touches.push_back({0, 0, {std::string(300, 'a')}});
    status = spool.Grew(300);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, base::ErrorKind::kRefused);
  EXPECT_NE(status.error().message.find("File too large"), std::string::npos);
  EXPECT_NE(status.error().message.find(directory_), std::string::npos);
}

TEST(XidSet, HoldsRangesInAnyOrder) {
  XidSet set;
  for (const uint32_t xid : {7u, 8u, 9u, 3u, 20u, 4u, UINT32_MAX, 0u, 9u}) set.Insert(xid);
  for (const uint32_t xid : {7u, 8u, 9u, 3u, 20u, 4u, UINT32_MAX, 0u}) {
    EXPECT_TRUE(set.Contains(xid)) << xid;
  }
  for (const uint32_t xid : {1u, 2u, 5u, 6u, 10u, 19u, 21u, UINT32_MAX - 1}) {
    EXPECT_FALSE(set.Contains(xid)) << xid;
  }
  EXPECT_LE(set.Bytes(), 5 * 8u);
}

// Ranges that meet become one when they are searched, which is when the transaction is replayed.
TEST_F(SpoolTest, ForgetsTheBytesOfAbortedSubtransactionsToo) {
  Spool spool(Small(1 << 20));
  for (const uint32_t subxid : {6u, 8u, 7u, 10u}) Touch(&spool, 5, subxid, "aborted");
  Touch(&spool, 5, 5, "top");
  for (const uint32_t subxid : {6u, 8u, 7u}) spool.Abort(5, subxid);
  EXPECT_EQ(Committed(&spool, 5), (Documents{"aborted", "top"}));
  EXPECT_EQ(spool.Used().memory_bytes, 0u);
}

// Random blocks, aborts and ends against sets that remember everything.
TEST_F(SpoolTest, RandomScheduleEqualsTheModel) {
  const uint32_t seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const size_t memory : {size_t{0}, size_t{500}, size_t{1} << 20}) {
    Spool spool(Small(memory, 40));
    std::map<uint32_t, std::map<uint32_t, Documents>> model;
    std::map<uint32_t, std::set<uint32_t>> dead;
    uint32_t next_xid = UINT32_MAX - 200;  // so that ids wrap around
    std::vector<uint32_t> open;
    int document = 0;
    for (int step = 0; step < 5000; ++step) {
      if (open.empty() || random() % 50 == 0) {
        open.push_back(next_xid++);
        model[open.back()];
      }
      const size_t chosen = random() % open.size();
      const uint32_t xid = open[chosen];
      std::map<uint32_t, Documents>& mine = model[xid];
      const uint32_t subxid =
          random() % 3 == 0 || mine.empty()
              ? (random() % 2 ? xid : next_xid++)
              : std::next(mine.begin(), static_cast<long>(random() % mine.size()))->first;
      const uint32_t what = random() % 100;
      if (what < 2) {
        open.erase(open.begin() + static_cast<long>(chosen));
        Documents all;
        for (const auto& [id, documents] : mine) all.insert(documents.begin(), documents.end());
        if (what == 0) {
          spool.Abort(xid, xid);
        } else {
          ASSERT_EQ(Committed(&spool, xid), all);
        }
        model.erase(xid);
      } else if (what < 10 && subxid != xid) {
        spool.Abort(xid, subxid);
        mine.erase(subxid);
        dead[xid].insert(subxid);
      } else if (!dead[xid].count(subxid)) {
        std::string id = "d" + std::to_string(document++);
        Touch(&spool, xid, subxid, id);
        mine[subxid].insert(std::move(id));
      }
    }
    for (const uint32_t xid : open) {
      Documents all;
      for (const auto& [id, documents] : model[xid]) all.insert(documents.begin(), documents.end());
      ASSERT_EQ(Committed(&spool, xid), all);
    }
    EXPECT_EQ(spool.Used().transactions, 0u);
    EXPECT_EQ(spool.Used().memory_bytes, 0u);
    EXPECT_EQ(spool.Used().file_bytes, 0u);
  }
}

}  // namespace
}  // namespace spool
