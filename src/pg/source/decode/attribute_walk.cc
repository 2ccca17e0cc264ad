#include "pg/source/decode/attribute_walk.h"

#include <cstring>

#include "pg/source/decode/varlena.h"

namespace sluice::pg {
namespace {

const std::uint8_t* skip_cstring(const std::uint8_t* at, const std::uint8_t* tuple_end) {
  if (at >= tuple_end) {
    throw_tuple_too_short();
  }
  const void* zero = std::memchr(at, 0, static_cast<std::size_t>(tuple_end - at));
  if (zero == nullptr) {
    throw_tuple_too_short();
  }
  return static_cast<const std::uint8_t*>(zero) + 1;
}

const std::uint8_t* skip_one(const AttributeLayout& attribute, const std::uint8_t* at,
                             const std::uint8_t* tuple_end) {
  if (attribute.length == kVarlenaLength) {
    return skip_varlena(at, tuple_end, attribute.alignment);
  }
  if (attribute.length == kCStringLength) {
    return skip_cstring(at, tuple_end);
  }
  return align_up(at, attribute.alignment) + attribute.length;
}

}  // namespace

void AttributeWalk::align(Cursor& cursor, std::uint32_t alignment, const RowSet& rows,
                          const std::uint8_t** out) {
  if (alignment > cursor.alignment) {
    if (cursor.skip_bytes != 0) {
      with_rows(rows, [cursor, out](auto set) {
        for (std::uint32_t i = 0; i < set.count; ++i) {
          out[set[i]] = cursor.locate(set[i]);
        }
      });
      cursor = {out, 1, 0};
    }
    cursor.alignment = alignment;
  }
  cursor.skip_bytes = (cursor.skip_bytes + alignment - 1) & ~(alignment - 1);
}

void AttributeWalk::advance(Cursor& cursor, std::uint32_t from, std::uint32_t to,
                            const RowSet& rows, const std::uint8_t** out) const {
  while (from < to) {
    const AttributeLayout& attribute = attributes_[from];
    if (!group_->is_full(from) || attribute.length == kCStringLength) {
      skip_sparse(cursor, from, rows, out);
      ++from;
    } else if (attribute.length == kVarlenaLength) {
      std::uint32_t count = 1;
      while (from + count < to && attributes_[from + count].length == kVarlenaLength &&
             group_->is_full(from + count)) {
        ++count;
      }
      skip_varlenas(cursor, from, count, rows, out);
      from += count;
    } else {
      align(cursor, attribute.alignment, rows, out);
      cursor.skip_bytes += static_cast<std::uint32_t>(attribute.length);
      ++from;
    }
  }
}

/// Not in the loop below: it would take its registers.
[[gnu::noinline]] const std::uint8_t* AttributeWalk::skip_one_by_one(const std::uint8_t* at,
                                                                     const std::uint8_t* tuple_end,
                                                                     std::uint32_t first,
                                                                     std::uint32_t count) const {
  for (std::uint32_t k = 0; k < count; ++k) {
    at = skip_varlena(at, tuple_end, attributes_[first + k].alignment);
  }
  return at;
}

template <std::uint32_t kCount, typename Rows, typename Places>
[[gnu::noinline]] void AttributeWalk::skip_run(Rows rows, Places cursor, std::uint32_t first,
                                               std::uint32_t count,
                                               const std::uint8_t** out) const {
  const std::uint8_t* const* ends = group_->ends();
  group_->ahead().lines(rows.count).for_each(rows, [=, this](std::size_t, std::size_t row) {
    const std::uint8_t* at = cursor.locate(row);
    const std::uint8_t* next = skip_short_varlenas(at, ends[row], kCount == 0 ? count : kCount);
    if (next == nullptr) [[unlikely]] {
      next = skip_one_by_one(at, ends[row], first, count);
    }
    out[row] = next;
  });
}

void AttributeWalk::skip_varlenas(Cursor& cursor, std::uint32_t first, std::uint32_t count,
                                  const RowSet& rows, const std::uint8_t** out) const {
  with_rows(rows, [&](auto set) {
    const auto skip = [&](auto places) {
      switch (count) {
        case 1:
          return skip_run<1>(set, places, first, count, out);
        case 2:
          return skip_run<2>(set, places, first, count, out);
        case 3:
          return skip_run<3>(set, places, first, count, out);
        case 4:
          return skip_run<4>(set, places, first, count, out);
        case 6:
          return skip_run<6>(set, places, first, count, out);
        default:
          return skip_run<0>(set, places, first, count, out);
      }
    };
    if (cursor.is_exact()) {
      skip(ExactCursor{cursor.at});
    } else {
      skip(cursor);
    }
  });
  cursor = {out, 1, 0};
}

void AttributeWalk::skip_sparse(Cursor& cursor, std::uint32_t attribute, const RowSet& rows,
                                const std::uint8_t** out) const {
  const AttributeLayout& layout = attributes_[attribute];
  with_rows(rows, [this, cursor, &layout, attribute, out](auto set) {
    for (std::uint32_t i = 0; i < set.count; ++i) {
      const std::uint32_t row = set[i];
      const std::uint8_t* at = cursor.locate(row);
      const bool absent = group_->is_missing(row, attribute) || group_->is_null(row, attribute);
      out[row] = absent ? at : skip_one(layout, at, group_->ends()[row]);
    }
  });
  cursor = {out, 1, 0};
}

}  // namespace sluice::pg
