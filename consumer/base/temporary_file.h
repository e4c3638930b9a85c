// TemporaryFile: a file without a name, that is gone when it is closed or the process dies, however
// it dies. Written at its end, read anywhere. One owner, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "consumer/base/result.h"

namespace base {

class TemporaryFile {
 public:
  TemporaryFile() = default;
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&& other) noexcept;
  ~TemporaryFile();

  // kFatal with what the system says about `directory`; so are all errors here.
  static Result<TemporaryFile> Make(const std::string& directory);

  bool IsOpen() const { return fd_ >= 0; }
  uint64_t Size() const { return size_; }

  // After an error the file holds what it held before.
  Status Append(std::string_view bytes);

  // REQUIRES: offset + size <= Size().
  Status Read(uint64_t offset, size_t size, char* to) const;

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace base
