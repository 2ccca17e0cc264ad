// Hostile pages: a valid page of the fuzzer's own making, then edits of its bytes, its header, its
// column entries and its length. The reader gives a batch that can be read whole, and written as a
// page again, or throws kCorrupt; a page without edits reads back as it was written.
//
// Input: columns and their types, rows, selected rows, edits, then what the values are made of.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fuzz_input.h"
#include "base/memory_budget.h"
#include "vector/batch_builder.h"
#include "vector/page.h"

namespace sluice::vector {
namespace {

using base::fuzz_require;
using base::FuzzInput;

std::string read_text(FuzzInput& input) {
  const auto bytes = input.take(input.byte());
  return {bytes.begin(), bytes.end()};
}

/// Bytes at a multiple of 16, exactly as many as the page has, so that AddressSanitizer sees every
/// read outside.
class PageBytes {
 public:
  explicit PageBytes(std::size_t bytes)
      : bytes_(bytes),
        data_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{16}))) {
    std::memset(data_, 0, bytes);
  }
  PageBytes(const PageBytes&) = delete;
  PageBytes& operator=(const PageBytes&) = delete;
  ~PageBytes() { ::operator delete (data_, std::align_val_t{16}); }
  [[nodiscard]] std::span<std::byte> span() const noexcept { return {data_, bytes_}; }

 private:
  std::size_t bytes_;
  std::byte* data_;
};

struct Edit {
  std::size_t offset;
  std::size_t bytes;
  std::uint64_t value;
};

struct Recipe {
  std::vector<PhysicalType> types;
  std::uint32_t rows;
  std::uint32_t selected_every;  // 0: no selection
  std::ptrdiff_t length_change;
  std::vector<Edit> edits;
};

Recipe read_recipe(FuzzInput& input) {
  Recipe recipe;
  const std::size_t column_count = input.number(1) % 8;
  for (std::size_t i = 0; i < column_count; ++i) {
    recipe.types.push_back(static_cast<PhysicalType>(input.number(1) % 7));
  }
  recipe.rows = static_cast<std::uint32_t>(input.number(2)) % (kBatchRowsMax + 1);
  recipe.selected_every = static_cast<std::uint32_t>(input.number(1)) % 8;
  recipe.length_change = static_cast<std::int8_t>(input.number(1));
  const std::size_t edit_count = input.number(1) % 16;
  for (std::size_t i = 0; i < edit_count; ++i) {
    const std::size_t where = input.number(1);
    // Half of the edits are of the header's and the column entries' fields of 4 and 8 bytes.
    const std::size_t offset = (where & 1) != 0 ? (where >> 1) * 4 : input.number(2);
    const std::size_t bytes = std::size_t{1} << input.number(1) % 4;
    recipe.edits.push_back({offset, bytes, input.number(bytes)});
  }
  return recipe;
}

/// Values from what is left of the input, over and over: it is short, a page need not be.
void fill_column(FuzzInput& input, ColumnBuffer& column, std::uint32_t rows) {
  const std::uint64_t nulls = input.number(1);
  const std::string text = read_text(input);
  for (std::uint32_t row = 0; row < rows; ++row) {
    if (column.type() == PhysicalType::kVarlen) {
      column.set_string(row, text.substr(0, row % 3 == 0 ? text.size() : row % 14));
    } else {
      const std::size_t width = width_bytes(column.type());
      for (std::size_t i = 0; i < width && !text.empty(); ++i) {
        column.as<char>()[row * width + i] = text[(row + i) % text.size()];
      }
    }
    if ((nulls >> (row % 8) & 1) != 0) {
      if (column.type() == PhysicalType::kVarlen) {
        column.set_string(row, "");
      }
      column.set_null(row);
    }
  }
}

std::uint64_t read_all(const Batch& batch) {
  std::uint64_t sum = 0;
  for (const ColumnView& column : batch.columns()) {
    for (std::uint32_t row = 0; row < batch.rows(); ++row) {
      sum += column.is_null(row) ? 1 : 0;
      if (column.type == PhysicalType::kVarlen) {
        for (const char c : column.as<StringRef>()[row].view()) {
          sum += static_cast<unsigned char>(c);
        }
        continue;
      }
      const std::size_t width = width_bytes(column.type);
      for (std::size_t i = 0; i < width; ++i) {
        sum += column.as<std::uint8_t>()[row * width + i];
      }
    }
  }
  return sum;
}

void require_equal(const Batch& written, const Batch& read) {
  fuzz_require(read.rows() == written.count() && read.columns().size() == written.columns().size());
  for (std::size_t i = 0; i < written.columns().size(); ++i) {
    const ColumnView& from = written.column(i);
    const ColumnView& to = read.column(i);
    fuzz_require(from.type == to.type);
    for (std::uint32_t row = 0; row < read.rows(); ++row) {
      const std::uint32_t source = written.row(row);
      fuzz_require(from.is_null(source) == to.is_null(row));
      if (from.type == PhysicalType::kVarlen) {
        fuzz_require(from.as<StringRef>()[source] == to.as<StringRef>()[row]);
      } else {
        const std::size_t width = width_bytes(from.type);
        fuzz_require(
            std::memcmp(from.as<char>() + source * width, to.as<char>() + row * width, width) == 0);
      }
    }
  }
}

bool apply_edits(const Recipe& recipe, std::span<std::byte> page) {
  bool changed = false;
  for (const Edit& edit : recipe.edits) {
    for (std::size_t i = 0; i < edit.bytes && edit.offset + i < page.size(); ++i) {
      page[edit.offset + i] = static_cast<std::byte>(edit.value >> (8 * i));
      changed = true;
    }
  }
  return changed;
}

/// Errors: kCorrupt.
void read_hostile(const Recipe& recipe, const Batch& written) {
  const std::size_t honest_bytes = page_bytes(written);
  PageBytes honest(honest_bytes);
  write_page(written, honest.span());
  const std::ptrdiff_t length = static_cast<std::ptrdiff_t>(honest_bytes) + recipe.length_change;
  PageBytes page(length < 0 ? 0 : static_cast<std::size_t>(length));
  std::memcpy(page.span().data(), honest.span().data(), std::min(honest_bytes, page.span().size()));
  const bool changed = apply_edits(recipe, page.span()) || recipe.length_change != 0;

  PageReader reader(recipe.types);
  const Batch read = reader.open(page.span());
  volatile std::uint64_t sum = read_all(read);
  (void)sum;
  if (!changed) {
    require_equal(written, read);
  }
  if (page_bytes(read) < std::size_t{1} << 22) {
    PageBytes again(page_bytes(read));
    write_page(read, again.span());
    PageReader second(recipe.types);
    require_equal(read, second.open(again.span()));
  }
}

void run(FuzzInput input) {
  const Recipe recipe = read_recipe(input);
  base::MemoryBudget budget(std::size_t{1} << 26);
  BatchBuilder builder(recipe.types, budget);
  for (std::size_t i = 0; i < recipe.types.size(); ++i) {
    fill_column(input, builder.column(i), recipe.rows);
  }
  builder.set_rows(recipe.rows);
  const Batch whole = builder.view();
  std::vector<RowIndex> selection;
  for (std::uint32_t row = 0; recipe.selected_every != 0 && row < recipe.rows;
       row += recipe.selected_every) {
    selection.push_back(static_cast<RowIndex>(row));
  }
  const Batch written = recipe.selected_every == 0
                            ? whole
                            : Batch(whole.columns(), whole.rows(), selection.data(),
                                    static_cast<std::uint32_t>(selection.size()));
  try {
    read_hostile(recipe, written);
  } catch (const base::Error& error) {
    fuzz_require(error.kind() == base::ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace sluice::vector

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::vector::run({data, size});
  return 0;
}
