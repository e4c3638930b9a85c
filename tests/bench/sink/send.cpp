// bench_sink URL INDEX WORKERS plain|gzip BODY…: sends ready-made bulk bodies the way the daemon's
// workers do, through a target and one writer per worker. Prints one line of JSON. The clock runs
// from before the first request until after the last answer; reading the files is not in it.
// REQUIRES: INDEX is there; every body holds index actions only, one line each, with `_id` and
// `version`.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "consumer/sink/target.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "bench_sink: %s\n", why.c_str());
  std::exit(1);
}

model::BulkRequest ReadBody(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  model::BulkRequest request;
  request.body.assign(std::istreambuf_iterator<char>(in), {});
  if (request.body.empty()) Fail(file + " is missing or empty");
  for (size_t at = 0; at < request.body.size();) {
    model::BulkItem item;
    item.action_offset = at;
    item.document_offset = request.body.find('\n', at) + 1;
    item.end_offset = request.body.find('\n', item.document_offset) + 1;
    const auto action = nlohmann::json::parse(
        request.body.substr(at, item.document_offset - 1 - at), nullptr, false);
    if (!action.contains("index")) Fail(file + " has another action than index");
    item.id = action["index"].value("_id", "");
    item.version = action["index"].value("version", uint64_t{0});
    at = item.end_offset;
    request.items.push_back(std::move(item));
  }
  return request;
}

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) Fail("bench_sink URL INDEX WORKERS plain|gzip BODY…");
  std::vector<schema::DocumentTree> trees(1);
  trees[0].index = argv[2];
  trees[0].alias = false;
  const int workers = std::atoi(argv[3]);
  std::vector<model::BulkRequest> requests;
  for (int i = 5; i < argc; ++i) requests.push_back(ReadBody(argv[i]));

  auto log = base::MakeSilentLogger();
  sink::HttpConfig config;
  config.url = argv[1];
  config.compress = std::string(argv[4]) == "gzip";
  auto target = sink::MakeHttpTarget(config, trees, *log);
  if (auto probed = target->Probe(); !probed) Fail(probed.error().message);

  base::StopSignal stop;
  base::Metrics metrics;
  std::atomic<size_t> next = 0;
  std::atomic<uint64_t> done = 0;
  std::mutex mutex;
  std::string error;
  const auto work = [&] {
    auto writer = target->NewWriter();
    for (size_t i; (i = next++) < requests.size();) {
      auto counts = sink::Deliver(*target, *writer, trees, std::move(requests[i]), {},
                                  Clock::now() + std::chrono::minutes(10), stop, *log, metrics);
      std::lock_guard lock(mutex);
      if (!counts) error = counts.error().message;
      if (counts && (counts->fresher > 0 || counts->rejected > 0)) error = "not all were written";
      if (!error.empty()) return;
      done += counts->done;
    }
  };
  const double cpu = CpuSeconds();
  const auto begun = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> seconds = Clock::now() - begun;
  if (!error.empty()) Fail(error);
  std::printf("{\"documents\": %llu, \"seconds\": %.6f, \"client_cpu_s\": %.6f}\n",
              static_cast<unsigned long long>(done), seconds.count(), CpuSeconds() - cpu);
}
