// An HttpTarget and the stub of an engine behind it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "consumer/base/log.h"
#include "consumer/sink/http_client.h"
#include "consumer/sink/target.h"
#include "tests/unit/sink/bulk_builder.h"
#include "tests/unit/sink/stub_process.h"

namespace sink_test {

class StubTargetTest : public testing::Test {
 protected:
  StubTargetTest() { config.url = stub.url; }

  std::unique_ptr<sink::Target> Open() {
    auto target = sink::MakeHttpTarget(config, trees, *log);
    auto probed = target->Probe();
    EXPECT_TRUE(probed.ok()) << probed.error().message;
    return target;
  }
  std::unique_ptr<sink::Target> Created() {
    auto target = Open();
    auto created = target->Create(trees[0], State());
    EXPECT_TRUE(created.ok()) << created.error().message;
    return target;
  }
  std::string Ask(const std::string& method, const std::string& path,
                  const std::string& body = "") {
    sink::HttpClient client(config);
    auto response = client.Send({.method = method, .path = path, .body = body});
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response ? response->body : "";
  }
  // What the stub holds: "id@version" in order.
  std::string Held(const std::string& index) {
    std::istringstream lines(Ask("GET", "/_stub/dump?index=" + index));
    std::string line, all;
    while (std::getline(lines, line)) {
      const auto document = nlohmann::json::parse(line);
      all += document["_id"].get<std::string>() + "@" + document["_version"].dump() + " ";
    }
    return all;
  }

  StubProcess stub;
  sink::HttpConfig config;
  std::vector<schema::DocumentTree> trees = Trees({"book"});
  std::unique_ptr<base::Logger> log = base::MakeSilentLogger();
};

}  // namespace sink_test
