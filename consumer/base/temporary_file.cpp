#include "consumer/base/temporary_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace base {
namespace {

Error SystemError(int error) { return Fatal(std::generic_category().message(error)); }

}  // namespace

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(std::exchange(other.size_, 0)) {}

TemporaryFile& TemporaryFile::operator=(TemporaryFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

TemporaryFile::~TemporaryFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<TemporaryFile> TemporaryFile::Make(const std::string& directory) {
  TemporaryFile file;
  file.fd_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (file.fd_ >= 0) return file;
  // Some file systems (NFS, overlays of old kernels) cannot; there the name lives for a moment.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return SystemError(errno);
  std::string path = directory + "/pgsync-spool-XXXXXX";
  file.fd_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (file.fd_ < 0) return SystemError(errno);
  if (::unlink(path.c_str()) != 0) return SystemError(errno);
  return file;
}

Status TemporaryFile::Append(std::string_view bytes) {
  uint64_t end = size_;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(end));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno);
    end += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  size_ = end;
  return {};
}

Status TemporaryFile::Read(uint64_t offset, size_t size, char* to) const {
  while (size > 0) {
    const ssize_t got = ::pread(fd_, to, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(errno);
    if (got == 0) return Fatal("the file is shorter than what was written");
    offset += static_cast<uint64_t>(got);
    to += got;
    size -= static_cast<size_t>(got);
  }
  return {};
}

}  // namespace base
