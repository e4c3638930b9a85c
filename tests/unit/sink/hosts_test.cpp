#include "consumer/sink/hosts.h"

#include <gtest/gtest.h>

namespace sink {
namespace {

using namespace std::chrono_literals;

const Hosts::Clock::time_point kNow{1000h};

TEST(Hosts, HomesGoRound) {
  Hosts hosts("http://a:1,http://b:1/,http://c:1");
  ASSERT_EQ(hosts.count(), 3u);
  EXPECT_EQ(hosts.url(1), "http://b:1");
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(hosts.NextHome(), i % 3);
}

TEST(Hosts, WhatFailedIsSetAsideAndTriedAgain) {
  Hosts hosts("a,b,c");
  EXPECT_EQ(hosts.Pick(1, kNow), 1u);
  hosts.Failed(1, "", kNow);
  EXPECT_EQ(hosts.Pick(1, kNow), 2u);
  EXPECT_EQ(hosts.Pick(0, kNow), 0u);
  hosts.Failed(2, "", kNow);
  EXPECT_EQ(hosts.Pick(1, kNow), 0u);
  EXPECT_EQ(hosts.Pick(1, kNow + 1s), 1u);
}

TEST(Hosts, EachTimeForTwiceAsLong) {
  Hosts hosts("a,b");
  auto now = kNow;
  for (const auto aside : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    hosts.Failed(0, "", now);
    hosts.Failed(0, "", now);  // the same outage, seen by another connection
    EXPECT_EQ(hosts.Pick(0, now + aside - 1ms), 1u);
    now += aside;
    EXPECT_EQ(hosts.Pick(0, now), 0u);
  }
  hosts.Works(0);
  hosts.Failed(0, "", now);
  EXPECT_EQ(hosts.Pick(0, now + 1s), 0u);
}

TEST(Hosts, IfNobodyAnswersTheOneWhoseTimeIsOverFirst) {
  Hosts hosts("a,b,c");
  hosts.Failed(0, "", kNow + 2s);
  hosts.Failed(1, "", kNow + 1s);
  hosts.Failed(2, "", kNow + 3s);
  EXPECT_EQ(hosts.Pick(0, kNow + 1500ms), 1u);
  Hosts one("a");
  one.Failed(0, "", kNow);
  EXPECT_EQ(one.Pick(0, kNow), 0u);
}

}  // namespace
}  // namespace sink
