#include "consumer/wire/tokens.h"

#include <msgpack/null_visitor.hpp>
#include <msgpack/unpack.hpp>  // parse.hpp does not stand alone

namespace wire {
namespace {

constexpr int kMostDepth = 3;  // relation: the record, its list of columns, a column

class Visitor : public msgpack::null_visitor {
 public:
  explicit Visitor(std::vector<Token>* tokens) : tokens_(tokens) {}

  std::string_view wrong() const { return wrong_; }

  bool visit_nil() {
    Add(Token::Type::kNil).u = 0;
    return true;
  }
  bool visit_boolean(bool value) {
    Add(Token::Type::kBool).u = value;
    return true;
  }
  bool visit_positive_integer(uint64_t value) {
    Add(Token::Type::kUint).u = value;
    return true;
  }
  bool visit_negative_integer(int64_t value) {
    // By its format, not by its value: signed formats may hold what is not negative.
    if (value >= 0) return visit_positive_integer(static_cast<uint64_t>(value));
    Add(Token::Type::kInt).i = value;
    return true;
  }
  bool visit_float32(float value) {
    Add(Token::Type::kFloat).f = value;
    return true;
  }
  bool visit_float64(double value) {
    Add(Token::Type::kDouble).d = value;
    return true;
  }
  bool visit_str(const char* bytes, uint32_t size) {
    Add(Token::Type::kStr, size).bytes = bytes;
    return true;
  }
  bool visit_bin(const char* bytes, uint32_t size) {
    Add(Token::Type::kBin, size).bytes = bytes;
    return true;
  }
  bool visit_ext(const char* bytes, uint32_t size) {
    // The type is the first byte and counted.
    Token& token = Add(Token::Type::kExt, size - 1);
    token.ext = static_cast<int8_t>(bytes[0]);
    token.bytes = bytes + 1;
    return true;
  }
  bool start_array(uint32_t elements) {
    Add(Token::Type::kArray, elements).u = 0;
    if (++depth_ <= kMostDepth) return true;
    wrong_ = "an array nested deeper than any record";
    return false;
  }
  bool end_array() {
    --depth_;
    return true;
  }
  bool start_map(uint32_t) {
    wrong_ = "a map, which no record has";
    return false;
  }
  void parse_error(size_t, size_t) { wrong_ = "a byte that starts no msgpack value"; }
  void insufficient_bytes(size_t, size_t) { wrong_ = "the frame ends inside a value"; }

 private:
  Token& Add(Token::Type type, uint32_t size = 0) {
    Token& token = tokens_->emplace_back();
    token.type = type;
    token.size = size;
    return token;
  }

  std::vector<Token>* tokens_;
  std::string_view wrong_;
  int depth_ = 0;
};

}  // namespace

std::string_view Tokenize(std::string_view frame, size_t* offset, std::vector<Token>* tokens) {
  tokens->clear();
  Visitor visitor(tokens);
  if (msgpack::parse(frame.data(), frame.size(), *offset, visitor)) return "";
  return visitor.wrong().empty() ? "not msgpack" : visitor.wrong();
}

}  // namespace wire
