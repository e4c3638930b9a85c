// Result<T>: a value or an Error. Errors are values here, and their kind is the action that the
// caller has to take, not the family the failure belongs to. Library exceptions are turned into a
// Result in the file that calls the library.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace base {

enum class ErrorKind {
  kRetry,           // the same call may succeed later: back off and repeat it
  kReconnect,       // the connection or session is gone: open a new one, continue from the last
                    // acknowledged point
  kRejectDocument,  // this one document can never be written as it is: dead letter, the rest goes
                    // on
  kFatal,           // wrong input or a broken invariant: stop and say so (exit code 1)
  kUsage,           // wrong command line, environment or schema file (exit code 2)
  kRefused,  // an operator has to decide or repair something; the message says what to type (exit
             // code 3)
};

struct Error {
  ErrorKind kind = ErrorKind::kFatal;
  std::string message;  // one paragraph: what, to whom, and the remedy where there is one. Never a
                        // secret, never row values

  // Returns this error with `what_we_were_doing` put in front: "reading the slot \"x\": connection
  // refused".
  [[nodiscard]] Error While(std::string_view what_we_were_doing) && {
    message.insert(0, ": ");
    message.insert(0, what_we_were_doing);
    return std::move(*this);
  }
};

inline Error Retry(std::string message) { return {ErrorKind::kRetry, std::move(message)}; }
inline Error Reconnect(std::string message) { return {ErrorKind::kReconnect, std::move(message)}; }
inline Error RejectDocument(std::string message) {
  return {ErrorKind::kRejectDocument, std::move(message)};
}
inline Error Fatal(std::string message) { return {ErrorKind::kFatal, std::move(message)}; }
inline Error Usage(std::string message) { return {ErrorKind::kUsage, std::move(message)}; }
inline Error Refused(std::string message) { return {ErrorKind::kRefused, std::move(message)}; }

// A result that is taken for what it is not is our own bug. The process ends, as with any broken
// invariant, but with the words by which the place can be found.
[[noreturn]] inline void EndOverlooked(const Error& error) {
  std::fprintf(stderr, "pgsync-consumer: internal error: this failure was overlooked: %s\n",
               error.message.c_str());
  std::abort();
}
// `file` and `line` are the caller's: not every compiler we are built with has
// std::source_location.
[[noreturn]] inline void EndWithoutError(const char* file, int line) {
  std::fprintf(stderr, "pgsync-consumer: internal error: %s:%d takes a success for a failure\n",
               file, line);
  std::abort();
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    if (!ok()) EndOverlooked(*std::get_if<1>(&state_));
    return *std::get_if<0>(&state_);
  }
  const T& value() const& { return const_cast<Result*>(this)->value(); }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  Error& error(const char* file = __builtin_FILE(), int line = __builtin_LINE()) & {
    if (ok()) EndWithoutError(file, line);
    return *std::get_if<1>(&state_);
  }
  const Error& error(const char* file = __builtin_FILE(), int line = __builtin_LINE()) const& {
    return const_cast<Result*>(this)->error(file, line);
  }
  Error&& error(const char* file = __builtin_FILE(), int line = __builtin_LINE()) && {
    return std::move(error(file, line));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }

  // REQUIRES: !ok().
  Error& error(const char* file = __builtin_FILE(), int line = __builtin_LINE()) & {
    if (ok()) EndWithoutError(file, line);
    return *error_;
  }
  const Error& error(const char* file = __builtin_FILE(), int line = __builtin_LINE()) const& {
    return const_cast<Result*>(this)->error(file, line);
  }
  Error&& error(const char* file = __builtin_FILE(), int line = __builtin_LINE()) && {
    return std::move(error(file, line));
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace base
