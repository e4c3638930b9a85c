#include "consumer/wire/decode.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "consumer/wire/record_reader.h"
#include "decoder/wire_format.h"

namespace wire {

base::Result<std::vector<model::Record>> Decoder::Decode(std::string_view frame) {
  const auto wrong = [&](size_t offset, std::string_view what) {
    return base::Fatal(fmt::format("frame of {} bytes from the pgsync plugin, byte {}: {}",
                                   frame.size(), offset, what));
  };
  if (frame.empty()) return wrong(0, "expected the version, found nothing");
  if (const auto version = static_cast<uint8_t>(frame[0]); version != pgsync_wire::kVersion) {
    return wrong(0, fmt::format("version {} of the wire format, this consumer speaks {}: install "
                                "plugin and consumer of the same release",
                                version, pgsync_wire::kVersion));
  }
  if (frame.size() == 1) return wrong(1, "expected a record, found the end");

  std::vector<model::Record> records;
  size_t offset = 1;
  while (offset < frame.size()) {
    const size_t start = offset;
    if (const std::string_view what = Tokenize(frame, &offset, &tokens_); !what.empty()) {
      return wrong(start, fmt::format("in the record that starts here: {}", what));
    }
    RecordReader reader(tokens_, &relations_);
    auto record = reader.Read();
    if (!reader.complaint().empty()) return wrong(start, reader.complaint());
    const std::string misplaced = order_.Take(reader.tag(), record ? &*record : nullptr);
    if (!misplaced.empty()) return wrong(start, misplaced);
    if (record) records.push_back(*std::move(record));
    if (order_.BetweenTransactions() && offset < frame.size()) {
      return wrong(offset, "bytes after the record that ends the frame");
    }
  }
  return records;
}

void Decoder::Reset() {
  relations_.clear();
  order_ = RecordOrder(asked_);
}

}  // namespace wire
