#include "consumer/sink/hosts.h"

#include <algorithm>

#include <fmt/format.h>

namespace sink {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstAside{1'000};
constexpr milliseconds kMostAside{60'000};

}  // namespace

Hosts::Hosts(std::string_view urls, base::Logger* log) : log_(log) {
  for (size_t at = 0; at <= urls.size();) {
    const size_t end = std::min(urls.find(',', at), urls.size());
    std::string url(urls.substr(at, end - at));
    while (url.ends_with('/')) url.pop_back();
    hosts_.push_back({std::move(url)});
    at = end + 1;
  }
}

size_t Hosts::NextHome() {
  std::lock_guard lock(mutex_);
  return homes_++ % hosts_.size();
}

size_t Hosts::Pick(size_t home, Clock::time_point now) const {
  std::lock_guard lock(mutex_);
  size_t best = home;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    const size_t host = (home + i) % hosts_.size();
    if (hosts_[host].aside_until <= now) return host;
    if (hosts_[host].aside_until < hosts_[best].aside_until) best = host;
  }
  return best;
}

void Hosts::Failed(size_t host, const std::string& why, Clock::time_point now) {
  std::lock_guard lock(mutex_);
  Host& failed = hosts_[host];
  const bool known = failed.aside.count() > 0;
  // Of several connections that fail at once only the first counts.
  if (known && now < failed.aside_until) return;
  failed.aside = known ? std::min(failed.aside * 2, kMostAside) : kFirstAside;
  failed.aside_until = now + failed.aside;
  if (!known && log_ != nullptr && hosts_.size() > 1) {
    log_->Warning("sink", fmt::format("{}; it is left out until it answers again", why));
  }
}

void Hosts::Works(size_t host) {
  std::lock_guard lock(mutex_);
  Host& works = hosts_[host];
  if (works.aside.count() == 0) return;
  works.aside = milliseconds(0);
  works.aside_until = {};
  if (log_ != nullptr && hosts_.size() > 1) {
    log_->Info("sink", fmt::format("the engine at {} answers again", works.url));
  }
}

}  // namespace sink
