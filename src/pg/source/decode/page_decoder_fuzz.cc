// Hostile tuples: whatever their bytes say, the decoder reads nothing outside them and fails, if at
// all, by an Error. Input: a relation's attributes, then tuples, each after its length.

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/decode/tuple_builder.h"
#include "vector/string_ref.h"

namespace sluice::pg {
namespace {

using vector::PhysicalType;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  std::uint8_t byte() {
    if (rest_.empty()) {
      return 0;
    }
    const std::uint8_t value = rest_[0];
    rest_ = rest_.subspan(1);
    return value;
  }
  std::span<const std::uint8_t> bytes(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> rest_;
};

struct Relation {
  std::vector<AttributeLayout> attributes;
  std::vector<ColumnTarget> columns;
};

void add_column(Relation& relation, std::uint8_t choice, ColumnTarget column) {
  column.attribute = static_cast<std::uint16_t>(relation.attributes.size() - 1);
  column.stage = (choice & 0x40) != 0 ? 1 : 0;
  if ((choice & 0x80) != 0) {
    relation.columns.push_back(std::move(column));
  }
}

Relation read_relation(Input& input) {
  Relation relation;
  const int count = 1 + input.byte() % 12;
  for (int i = 0; i < count; ++i) {
    const std::uint8_t choice = input.byte();
    ColumnTarget column;
    switch (choice % 8) {
      case 0:
      case 1:
      case 2:
      case 3: {
        constexpr PhysicalType kTypes[] = {PhysicalType::kInt8, PhysicalType::kInt16,
                                           PhysicalType::kInt32, PhysicalType::kInt64};
        const int width = 1 << (choice % 8);
        relation.attributes.push_back(
            {static_cast<std::int16_t>(width), static_cast<std::uint8_t>(width)});
        column.type = kTypes[choice % 8];
        add_column(relation, choice, column);
        break;
      }
      case 4:
      case 5:
        relation.attributes.push_back({kVarlenaLength, 4});
        column.precision = static_cast<std::uint8_t>(1 + input.byte() % 38);
        column.scale = static_cast<std::uint8_t>(input.byte() % (column.precision + 1));
        column.type = column.precision <= 18 ? PhysicalType::kInt64 : PhysicalType::kInt128;
        add_column(relation, choice, column);
        break;
      case 6:
        relation.attributes.push_back({kVarlenaLength, 8});
        column.type = PhysicalType::kVarlen;
        add_column(relation, choice, column);
        break;
      default:
        relation.attributes.push_back({kCStringLength, 1});
    }
  }
  return relation;
}

/// Reads every string as a consumer would.
std::uint64_t touch(const PageDecoder& decoder, const Relation& relation, Stage stage) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    if (relation.columns[i].stage != stage || relation.columns[i].type != PhysicalType::kVarlen) {
      continue;
    }
    for (std::uint32_t row = 0; row < decoder.rows(); ++row) {
      for (const char c : decoder.view(i).as<vector::StringRef>()[row].view()) {
        sum += static_cast<std::uint8_t>(c);
      }
    }
  }
  return sum;
}

}  // namespace
}  // namespace sluice::pg

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::pg;
  Input input(data, size);
  const Relation relation = read_relation(input);
  TupleBuilder builder(relation.attributes);
  while (!input.empty() && builder.tuples().size() < 64) {
    builder.add_bytes(input.bytes(input.byte()));
  }
  volatile std::uint64_t sink = 0;
  try {
    PageDecoder decoder(relation.attributes, relation.columns);
    decoder.load(builder.tuples());
    decoder.decode_stage(0, nullptr, decoder.rows());
    sink = touch(decoder, relation, 0);
    decoder.decode_stage(1, nullptr, decoder.rows());
    sink = sink + touch(decoder, relation, 1);
  } catch (const sluice::base::Error&) {
    return 0;
  }
  return 0;
}
