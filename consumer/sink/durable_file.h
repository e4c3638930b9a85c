// What targets that keep files need of the operating system: a descriptor with an owner, errors
// that say what to do, and a file that is replaced whole.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "consumer/base/result.h"

namespace sink {

// A file descriptor with one owner.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ > STDERR_FILENO) close(descriptor_);
  }
  int get() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

// What errno says about `file`: kRetry when its disk is full, kRefused when we may not.
base::Error FileError(const std::string& doing, const std::string& file);

base::Status WriteAll(const File& file, const std::string& name, std::string_view text);

// Replaces `name` by `text` so that after a crash there is the old or the new one, whole.
base::Status ReplaceFile(const std::string& name, std::string_view text);

}  // namespace sink
