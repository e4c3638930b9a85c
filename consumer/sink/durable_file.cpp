#include "consumer/sink/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace sink {

base::Error FileError(const std::string& doing, const std::string& file) {
  const int code = errno;
  const std::string text = fmt::format("{} {}: {}", doing, file, std::strerror(code));
  if (code == ENOSPC || code == EDQUOT) return base::Retry(text + "; free space on its disk");
  if (code == EACCES || code == ENOENT || code == EISDIR || code == EROFS || code == EPERM) {
    return base::Refused(text + "; its directory must exist and be writable for us (--target)");
  }
  return base::Fatal(text);
}

base::Status WriteAll(const File& file, const std::string& name, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(file.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("writing", name);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

base::Status ReplaceFile(const std::string& name, std::string_view text) {
  const std::string next = name + ".new";
  {
    File file(open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file.open()) return FileError("creating", next);
    if (auto written = WriteAll(file, next, text); !written) return written;
    if (fsync(file.get()) != 0) return FileError("syncing", next);
  }
  if (rename(next.c_str(), name.c_str()) != 0) return FileError("replacing", name);
  const size_t slash = name.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : name.substr(0, slash + 1);
  File folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || fsync(folder.get()) != 0) return FileError("syncing", directory);
  return {};
}

}  // namespace sink
