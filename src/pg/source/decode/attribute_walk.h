// The walk from attribute to attribute, for all tuples of a group at once.
#pragma once

#include <cstdint>
#include <span>

#include "pg/source/decode/attribute_layout.h"
#include "pg/source/decode/row_set.h"
#include "pg/source/decode/tuple_group.h"

namespace sluice::pg {

/// A place in every tuple, by row: align_up(at[row], alignment) + skip_bytes. As long as only
/// fixed-width attributes without NULLs are passed, the walk costs nothing: the two numbers are the
/// same for all.
struct Cursor {
  const std::uint8_t* const* at = nullptr;
  std::uint32_t alignment = 1;
  std::uint32_t skip_bytes = 0;

  [[nodiscard]] const std::uint8_t* locate(std::size_t row) const noexcept {
    return align_up(at[row], alignment) + skip_bytes;
  }
  /// Whether locate() is at[row] itself.
  [[nodiscard]] bool is_exact() const noexcept { return alignment == 1 && skip_bytes == 0; }
};

/// A Cursor that is_exact(): what most loops have, to be compiled for.
struct ExactCursor {
  const std::uint8_t* const* at;
  [[nodiscard]] const std::uint8_t* locate(std::size_t row) const noexcept { return at[row]; }
};

/// Moves cursors over the attributes of one group.
/// Shape: `out` is where a loop writes new places, by row; it may be the cursor's own array.
/// Errors: kCorrupt where a tuple ends too early.
class AttributeWalk {
 public:
  AttributeWalk(std::span<const AttributeLayout> attributes, const TupleGroup& group) noexcept
      : attributes_(attributes), group_(&group) {}

  /// The places of attribute 0. User data are aligned to 8.
  [[nodiscard]] Cursor start() const noexcept { return {group_->data(), kDataAlignment, 0}; }

  /// From attribute `from` to attribute `to`.
  void advance(Cursor& cursor, std::uint32_t from, std::uint32_t to, const RowSet& rows,
               const std::uint8_t** out) const;
  /// Makes locate() aligned for a fixed-width attribute that follows.
  static void align(Cursor& cursor, std::uint32_t alignment, const RowSet& rows,
                    const std::uint8_t** out);

 private:
  void skip_varlenas(Cursor& cursor, std::uint32_t first, std::uint32_t count, const RowSet& rows,
                     const std::uint8_t** out) const;
  template <std::uint32_t kCount, typename Rows, typename Places>
  void skip_run(Rows rows, Places cursor, std::uint32_t first, std::uint32_t count,
                const std::uint8_t** out) const;
  [[nodiscard]] const std::uint8_t* skip_one_by_one(const std::uint8_t* at,
                                                    const std::uint8_t* tuple_end,
                                                    std::uint32_t first, std::uint32_t count) const;
  void skip_sparse(Cursor& cursor, std::uint32_t attribute, const RowSet& rows,
                   const std::uint8_t** out) const;

  std::span<const AttributeLayout> attributes_;
  const TupleGroup* group_;
};

}  // namespace sluice::pg
