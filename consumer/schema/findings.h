// Findings: where every check of this room puts what it found, so that all problems come out in one
// go. Collected in the order of the checks; one owner per Parse or Resolve, lent to the checks for
// the call.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "consumer/schema/schema.h"

namespace schema {

class Findings {
 public:
  void Error(std::string path, std::string message) {
    list_.push_back({Finding::Level::kError, std::move(path), std::move(message)});
  }
  void Warning(std::string path, std::string message) {
    list_.push_back({Finding::Level::kWarning, std::move(path), std::move(message)});
  }
  void Append(Findings&& other) {
    for (Finding& finding : other.list_) list_.push_back(std::move(finding));
    other.list_.clear();
  }

  const std::vector<Finding>& list() const { return list_; }
  std::vector<Finding> Take() && { return std::move(list_); }

 private:
  std::vector<Finding> list_;
};

}  // namespace schema
