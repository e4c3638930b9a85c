// Result<T>: a value or an Error. Errors are values here, and their kind is the action that the
// caller has to take, not the family the failure belongs to. Library exceptions are turned into a
// Result in the file that calls the library.
#pragma once

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
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  Error& error() & { return std::get<1>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

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
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace base
