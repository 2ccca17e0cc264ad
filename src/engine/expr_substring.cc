#include "engine/expr_substring.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace sluice::engine {

using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::StringRef;

namespace {

/// Units: bytes of the character that begins with `lead`; 1 for what begins none.
std::size_t character_bytes(char lead) noexcept {
  const auto byte = static_cast<unsigned char>(lead);
  if ((byte & 0xe0) == 0xc0) {
    return 2;
  }
  if ((byte & 0xf0) == 0xe0) {
    return 3;
  }
  return (byte & 0xf8) == 0xf0 ? 4 : 1;
}

/// The byte where the character lies that comes `characters` after the one at `from`.
std::size_t skip(const char* text, std::size_t from, std::size_t size,
                 std::int64_t characters) noexcept {
  while (characters > 0 && from < size) {
    from = std::min(from + character_bytes(text[from]), size);
    --characters;
  }
  return from;
}

/// Shape: characters begin <= n < end, counted from 1; `begin` is at least 1.
StringRef cut(const StringRef& string, std::int64_t begin, std::int64_t end) noexcept {
  if (end <= begin) {
    return {};
  }
  const char* text = string.data();
  const std::size_t first = skip(text, 0, string.size(), begin - 1);
  const std::size_t last = skip(text, first, string.size(), end - begin);
  return {text + first, static_cast<std::uint32_t>(last - first)};
}

/// An int4 argument: a column or one value for all rows.
class Count {
 public:
  Count(const Operand& operand, const ColumnView& view) noexcept
      : values_(view.as<std::int32_t>()), step_(operand.is_constant() ? 0 : 1) {}
  [[nodiscard]] std::int64_t at(std::uint32_t row) const noexcept { return values_[row * step_]; }

 private:
  const std::int32_t* values_;
  std::size_t step_;
};

class SubstringNode final : public ExprNode {
 public:
  SubstringNode(const Operand& text, const Operand& start, std::optional<Operand> length,
                base::Arena& arena)
      : text_(text),
        start_(start),
        length_(length),
        buffer_(vector::PhysicalType::kVarlen, arena),
        both_(arena.allocate_array<std::uint64_t>(kBatchRowsMax / 64).data()) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    const ColumnView text = text_.evaluate(frame, rows);
    const ColumnView start = start_.evaluate(frame, rows);
    const std::uint64_t* valid = both_valid(frame, text.validity, start.validity, both_);
    ColumnView length;
    if (length_.has_value()) {
      length = length_->evaluate(frame, rows);
      valid = both_valid(frame, valid, length.validity, buffer_.validity);
    }
    const auto* strings = text.as<StringRef>();
    const std::size_t step = text_.is_constant() ? 0 : 1;
    const Count starts(start_, start);
    auto* out = buffer_.as<StringRef>();
    for_each_row(rows, [&](std::uint32_t row) {
      if (valid != nullptr && !is_valid(valid, row)) {
        out[row] = StringRef();  // whoever reads it finds no old pointer
        return;
      }
      const std::int64_t begin = starts.at(row);
      const std::int64_t end =
          length_.has_value() ? end_of(begin, Count(*length_, length).at(row)) : kOpenEnd;
      out[row] = cut(strings[row * step], std::max(begin, std::int64_t{1}), end);
    });
    return buffer_.view(valid);
  }

 private:
  static constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int64_t>::max();

  static std::int64_t end_of(std::int64_t begin, std::int64_t length) {
    if (length < 0) {
      throw base::Error(base::ErrorKind::kQuery, "22011", "negative substring length not allowed");
    }
    return begin + length;
  }

  Operand text_;
  Operand start_;
  std::optional<Operand> length_;
  ValueBuffer buffer_;
  std::uint64_t* both_;
};

}  // namespace

std::unique_ptr<ExprNode> make_substring(const Operand& text, const Operand& start,
                                         std::optional<Operand> length, base::Arena& arena) {
  return std::make_unique<SubstringNode>(text, start, length, arena);
}

}  // namespace sluice::engine
