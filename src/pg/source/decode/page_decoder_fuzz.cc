// Hostile heap pages: a valid page of the fuzzer's own making, then edits of its header, line
// pointers, tuple headers, null bitmaps and values. Whatever the bytes say, the decoder reads
// nothing outside a tuple and fails, if at all, by kCorrupt or kAbandon.
//
// Every tuple is decoded twice: where it lies on the page, and from a copy in an allocation of its
// own length. AddressSanitizer sees what the second reads outside the tuple; what the first reads
// there shows as another result.
//
// Input: the relation, tuples, edits, selections; zeros where it has ended.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fuzz_input.h"
#include "pg/source/decode/line_pointer.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/decode/tuple_builder.h"
#include "vector/string_ref.h"

namespace sluice::pg {
namespace {

using base::fuzz_require;
using base::FuzzInput;

using vector::PhysicalType;

constexpr std::size_t kPageBytes = 2048;
constexpr std::size_t kTuplesMax = 24;
constexpr Stage kStages = 3;

struct Relation {
  std::vector<AttributeLayout> attributes;
  std::vector<ColumnTarget> columns;
};

void add_column(Relation& relation, std::uint8_t choice, ColumnTarget column) {
  column.attribute = static_cast<std::uint16_t>(relation.attributes.size() - 1);
  column.stage = static_cast<Stage>((choice >> 4) % 4);
  if (column.stage < kStages) {
    relation.columns.push_back(std::move(column));
  }
}

Relation read_relation(FuzzInput& input) {
  Relation relation;
  const int count = 1 + input.byte() % 12;
  for (int i = 0; i < count; ++i) {
    const std::uint8_t choice = input.byte();
    const unsigned kind = choice % 16;
    ColumnTarget column;
    if (kind < 4) {
      constexpr PhysicalType kTypes[] = {PhysicalType::kInt8, PhysicalType::kInt16,
                                         PhysicalType::kInt32, PhysicalType::kInt64};
      const auto width = static_cast<std::uint8_t>(1 << kind);
      relation.attributes.push_back({width, width});
      column.type = kTypes[kind];
      if ((choice & 0x80) != 0) {
        column.missing.emplace(width, choice);
      }
    } else if (kind < 9) {
      relation.attributes.push_back({kVarlenaLength, 4});
      column.precision = static_cast<std::uint8_t>(1 + input.byte() % 38);
      column.scale = static_cast<std::uint8_t>(input.byte() % (column.precision + 1));
      column.type = column.precision <= 18 ? PhysicalType::kInt64 : PhysicalType::kInt128;
      if ((choice & 0x80) != 0) {
        column.missing = stored_short(numeric_payload(0, column.scale)).bytes;
      }
    } else if (kind < 13) {
      relation.attributes.push_back(
          {kVarlenaLength, static_cast<std::uint8_t>(choice & 1 ? 8 : 4)});
      column.type = PhysicalType::kVarlen;
      if ((choice & 0x80) != 0) {
        column.missing = stored_long(Bytes(choice % 20, choice)).bytes;
      }
    } else if (kind < 14) {
      relation.attributes.push_back({kCStringLength, 1});
      continue;
    } else {  // of a type or length that only needs passing
      const auto length = static_cast<std::int16_t>(1 + input.number(2) % 0x7FFF);
      relation.attributes.push_back({length, static_cast<std::uint8_t>(1 << (choice >> 6))});
      continue;
    }
    add_column(relation, choice, std::move(column));
  }
  return relation;
}

/// `honest` becomes false for what no numeric can be.
StoredValue read_varlena(FuzzInput& input, const ColumnTarget* column, bool& honest) {
  const std::uint8_t choice = input.byte();
  if (column != nullptr && column->precision > 0 && choice % 8 < 5) {
    base::Int128 value = static_cast<std::int64_t>(input.number(1 + choice / 8 % 8));
    if (choice % 8 == 4) {
      value = value * 1000000007;
    }
    const Bytes payload = numeric_payload(value, column->scale, choice % 8 == 3);
    return choice % 8 < 2 ? stored_short(payload) : stored_long(payload);
  }
  honest &= column == nullptr || column->precision == 0;
  switch (choice % 8) {
    case 0:
      return stored_toast_pointer();
    case 1:
      return stored_long(Bytes(4 + input.byte() % 32, choice), 2);  // compressed
    case 2:
    case 5:
      return stored_long(input.take(input.byte()));
    default:
      return stored_short(input.take(choice / 8));
  }
}

void add_tuple(FuzzInput& input, const Relation& relation, TupleBuilder& builder, bool& honest) {
  const std::size_t count = input.byte() % (relation.attributes.size() + 1);
  const std::uint64_t nulls = input.number(2);
  std::vector<std::optional<StoredValue>> values;
  for (std::size_t i = 0; i < count; ++i) {
    const AttributeLayout& attribute = relation.attributes[i];
    const auto column = std::ranges::find(relation.columns, i, &ColumnTarget::attribute);
    if ((nulls >> i & 1) != 0) {
      values.emplace_back();
    } else if (attribute.length == kVarlenaLength) {
      values.emplace_back(
          read_varlena(input, column == relation.columns.end() ? nullptr : &*column, honest));
    } else if (attribute.length == kCStringLength) {
      values.push_back(StoredValue{Bytes(input.byte() % 10 + 1, 'c'), false});
      values.back()->bytes.back() = 0;
    } else {
      Bytes bytes(static_cast<std::size_t>(attribute.length), 0x11);
      const std::uint64_t number = input.number(std::min<std::size_t>(bytes.size(), 8));
      std::memcpy(bytes.data(), &number, std::min<std::size_t>(bytes.size(), 8));
      values.push_back(StoredValue{std::move(bytes), true});
    }
  }
  builder.add(values);
}

/// The tuples from the page's end downwards, as PostgreSQL places them, each with its line.
class HeapPage {
 public:
  HeapPage()
      : bytes_(static_cast<std::uint8_t*>(::operator new (kPageBytes, std::align_val_t{8}))) {
    std::memset(bytes_, 0, kPageBytes);
  }
  HeapPage(const HeapPage&) = delete;
  HeapPage& operator=(const HeapPage&) = delete;
  ~HeapPage() { ::operator delete (bytes_, std::align_val_t{8}); }

  [[nodiscard]] std::span<std::uint8_t> span() const noexcept { return {bytes_, kPageBytes}; }
  void add(const TupleBytes& tuple) {
    const std::size_t lines_end = kPageHeaderBytes + (places_.size() + 1) * kLineBytes;
    const std::size_t room = (tuple.length + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
    if (lines_end + room > data_start_) {
      return;  // the page is full
    }
    data_start_ -= room;
    std::memcpy(bytes_ + data_start_, tuple.data, tuple.length);
    places_.push_back(data_start_);
    const auto word = static_cast<std::uint32_t>(data_start_) | kLineNormal << kLineStateShift |
                      tuple.length << kLineLengthShift;
    std::memcpy(bytes_ + lines_end - kLineBytes, &word, kLineBytes);
    const auto end = static_cast<std::uint16_t>(lines_end);
    std::memcpy(bytes_ + kLinesEndOffset, &end, sizeof end);
  }
  /// Where the n-th tuple, modulo their number, was placed.
  [[nodiscard]] std::size_t place(std::size_t n) const {
    return places_.empty() ? 0 : places_[n % places_.size()];
  }

 private:
  std::uint8_t* bytes_;
  std::size_t data_start_ = kPageBytes;
  std::vector<std::size_t> places_;
};

/// Overwrites a field of the page's structure, or any bytes of a tuple.
void edit(FuzzInput& input, const HeapPage& page) {
  const std::uint8_t choice = input.byte();
  std::size_t at = 0;
  std::size_t bytes = 1 + choice / 8 % 8;
  switch (choice % 8) {
    case 0:
      at = kLinesEndOffset;
      bytes = 2;
      break;
    case 1:
      at = kPageHeaderBytes + input.byte() % kTuplesMax * kLineBytes;
      bytes = kLineBytes;
      break;
    case 2:
      at = page.place(input.byte()) + kInfomask2Offset;
      bytes = 2;
      break;
    case 3:
      at = page.place(input.byte()) + kInfomaskOffset;
      bytes = 2;
      break;
    case 4:
      at = page.place(input.byte()) + kDataStartOffset;
      bytes = 1;
      break;
    case 5:
      at = page.place(input.byte()) + kNullBitmapOffset;
      break;
    default:
      at = page.place(input.byte()) + kDataStartMin + input.byte();
  }
  const std::uint64_t value = input.number(bytes);
  for (std::size_t i = 0; i < bytes && at + i < kPageBytes; ++i) {
    page.span()[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

/// Copies that begin at the same remainder of 8 as their originals.
class TupleCopies {
 public:
  explicit TupleCopies(std::span<const TupleBytes> tuples) {
    for (const TupleBytes& tuple : tuples) {
      const std::size_t shift = reinterpret_cast<std::uintptr_t>(tuple.data) % kDataAlignment;
      storage_.push_back(std::make_unique<std::uint8_t[]>(shift + tuple.length));
      std::memcpy(storage_.back().get() + shift, tuple.data, tuple.length);
      tuples_.push_back({storage_.back().get() + shift, tuple.length});
    }
  }
  [[nodiscard]] std::span<const TupleBytes> tuples() const noexcept { return tuples_; }

 private:
  std::vector<std::unique_ptr<std::uint8_t[]>> storage_;
  std::vector<TupleBytes> tuples_;
};

std::vector<TupleBytes> read_lines(const HeapPage& page) {
  std::vector<TupleBytes> tuples;
  const std::uint32_t lines = line_count(page.span());
  for (std::uint32_t line = 0; line < lines; ++line) {
    TupleBytes tuple;
    if (read_line(page.span(), line, tuple) == LineState::kTuple) {
      tuples.push_back(tuple);
    }
  }
  return tuples;
}

using Selections = std::vector<std::vector<vector::RowIndex>>;

/// For every stage its rows, each among those of the stage before.
Selections read_selections(FuzzInput& input, std::size_t rows) {
  Selections selections(kStages);
  for (std::size_t row = 0; row < rows; ++row) {
    selections[0].push_back(static_cast<vector::RowIndex>(row));
  }
  for (std::size_t stage = 1; stage < kStages; ++stage) {
    const std::uint64_t dropped = input.number(3);
    for (std::size_t i = 0; i < selections[stage - 1].size(); ++i) {
      if ((dropped >> (i % 24) & 1) == 0) {
        selections[stage].push_back(selections[stage - 1][i]);
      }
    }
  }
  return selections;
}

void add_value(const vector::ColumnView& view, std::uint32_t row, std::string& result) {
  result.push_back(view.is_null(row) ? 'n' : 'v');
  if (view.type == PhysicalType::kVarlen) {
    const std::string_view text = view.as<vector::StringRef>()[row].view();
    result.append(std::to_string(text.size())).append(text);
  } else {
    const std::size_t width = vector::width_bytes(view.type);
    result.append(view.as<char>() + row * width, width);
  }
}

/// Everything that the decoder says of the tuples, up to the error that ends it.
struct Outcome {
  std::string values;
  std::string error;
  bool corrupt = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome decode(const Relation& relation, std::span<const TupleBytes> tuples,
               const Selections& selections) {
  Outcome outcome;
  try {
    PageDecoder decoder(relation.attributes, relation.columns);
    decoder.load(tuples);
    for (Stage stage = 0; stage < kStages; ++stage) {
      const auto& rows = selections[stage];
      decoder.decode_stage(stage, stage == 0 ? nullptr : rows.data(),
                           static_cast<std::uint32_t>(rows.size()));
      for (const ToastedValue& value : decoder.toasted()) {
        for (const TupleBytes& tuple : tuples) {  // the reference is of whole bytes of a tuple
          if (value.varlena >= tuple.data && value.varlena < tuple.data + tuple.length) {
            outcome.values.push_back(static_cast<char>(*value.varlena));
            break;
          }
        }
      }
      for (std::size_t i = 0; i < relation.columns.size(); ++i) {
        for (std::size_t k = 0; relation.columns[i].stage == stage && k < rows.size(); ++k) {
          add_value(decoder.view(i), rows[k], outcome.values);
        }
      }
    }
  } catch (const base::Error& error) {
    fuzz_require(error.kind() == base::ErrorKind::kCorrupt ||
                 error.kind() == base::ErrorKind::kAbandon);
    outcome.error = error.what();
    outcome.corrupt = error.kind() == base::ErrorKind::kCorrupt;
  }
  return outcome;
}

void run(FuzzInput input) {
  const Relation relation = read_relation(input);
  TupleBuilder builder(relation.attributes);
  bool honest = true;
  const std::size_t tuple_count = input.byte() % (kTuplesMax + 1);
  for (std::size_t i = 0; i < tuple_count; ++i) {
    add_tuple(input, relation, builder, honest);
  }
  HeapPage page;
  for (const TupleBytes& tuple : builder.tuples()) {
    page.add(tuple);
  }
  const std::size_t edit_count = input.byte() % 16;
  for (std::size_t i = 0; i < edit_count; ++i) {
    edit(input, page);
  }
  const std::vector<TupleBytes> tuples = read_lines(page);
  const Selections selections = read_selections(input, tuples.size());
  const TupleCopies copies(tuples);
  const Outcome on_page = decode(relation, tuples, selections);
  fuzz_require(on_page == decode(relation, copies.tuples(), selections));
  fuzz_require(!honest || edit_count != 0 || !on_page.corrupt);
}

}  // namespace
}  // namespace sluice::pg

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::pg::run({data, size});
  return 0;
}
