// Hosts: the addresses of one cluster. A host that cannot be reached is set aside for a while, and
// others take its place. Shared by all connections of a target; thread safe.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/base/log.h"

namespace sink {

class Hosts {
 public:
  using Clock = std::chrono::steady_clock;

  // `urls`: comma-separated, without credentials. `log` (may be null): where changes are told if
  // there are several; borrowed.
  explicit Hosts(std::string_view urls, base::Logger* log = nullptr);

  size_t count() const { return hosts_.size(); }
  const std::string& url(size_t host) const { return hosts_[host].url; }

  // Every connection has a home; homes go round.
  size_t NextHome();

  // Where to send now: home, or the next host that is not set aside. If all are: the one whose time
  // is over first.
  size_t Pick(size_t home, Clock::time_point now) const;

  // Nobody answered there: set aside, each time for twice as long as the time before.
  void Failed(size_t host, const std::string& why, Clock::time_point now);
  void Works(size_t host);

 private:
  struct Host {
    std::string url;
    Clock::time_point aside_until{};
    std::chrono::milliseconds aside{0};  // the last time; 0 = it works
  };

  mutable std::mutex mutex_;
  std::vector<Host> hosts_;
  size_t homes_ = 0;
  base::Logger* const log_;
};

}  // namespace sink
