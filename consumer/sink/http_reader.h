// HttpReader: reads an index of an engine by searches, after a refresh.
#pragma once

#include <string>

#include "consumer/sink/http_client.h"
#include "consumer/sink/reader.h"

namespace sink {

class HttpReader : public Reader {
 public:
  HttpReader(const HttpConfig& config, std::string index)
      : client_(config), index_(std::move(index)) {}

  base::Status Documents(const std::vector<std::string>& ids,
                         const std::function<base::Status(StoredDocument)>& see) override;
  base::Status Ids(const std::function<base::Status(StoredDocument)>& see) override;
  base::Status Remove(const StoredDocument& document, uint64_t version) override;
  base::Status DeadLetters(const std::function<base::Status(DeadLetter)>& see) override;
  base::Status RemoveDeadLetter(const DeadLetter& letter) override;

 private:
  base::Status Delete(const std::string& path);

  HttpClient client_;
  const std::string index_;
};

}  // namespace sink
