// One column of a page group: its values, decoded for all wanted rows in one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pg/source/decode/attribute_layout.h"
#include "pg/source/decode/attribute_walk.h"
#include "pg/source/decode/numeric_decode.h"
#include "pg/source/decode/numeric_vector.h"
#include "pg/source/decode/row_set.h"
#include "pg/source/decode/tuple_group.h"
#include "vector/batch.h"

namespace sluice::pg {

/// A value that only the server can unpack; its column holds an empty value until it is stored.
struct ToastedValue {
  std::uint16_t column = 0;  // index of the ColumnTarget
  vector::RowIndex row = 0;
  const std::uint8_t* varlena = nullptr;  // its header, on the page
};

/// Owns: the values and the validity bitmap behind view(). Long strings lie on the pages.
class ColumnDecoder {
 public:
  ColumnDecoder(const ColumnTarget& target, const AttributeLayout& attribute, std::uint16_t column);
  ColumnDecoder(ColumnDecoder&&) noexcept = default;
  ColumnDecoder& operator=(ColumnDecoder&&) noexcept = default;

  /// Forgets the NULLs and NaNs of the rows before. Values that cannot be read are listed in
  /// `toasted`.
  void begin(const TupleGroup& group, std::vector<ToastedValue>& toasted);
  /// Decodes `rows` and moves the cursor behind the attribute.
  /// Pre:    `cursor` stands at the attribute; begin() was called.
  /// Errors: kCorrupt; kAbandon for a numeric that its declaration does not allow.
  void decode(Cursor& cursor, const RowSet& rows, const std::uint8_t** out);
  /// Stores an unpacked value.
  /// Shape:  `payload` is the varlena without its header; of a string, it must outlive the batch.
  /// Errors: as decode().
  void store_payload(std::uint32_t row, std::span<const std::uint8_t> payload);

  [[nodiscard]] const ColumnTarget& target() const noexcept { return *target_; }
  [[nodiscard]] vector::ColumnView view() const noexcept;

 private:
  static constexpr std::uint32_t kCallsOneByOne = 15;
  static constexpr std::size_t kValidityWords = vector::kBatchRowsMax / 64;
  struct Buffers {
    alignas(16) std::array<std::uint64_t, kValidityWords> validity;
    alignas(64) std::array<std::byte, std::size_t{16} * vector::kBatchRowsMax> values;
  };

  template <typename T>
  [[nodiscard]] T* values() noexcept {
    return reinterpret_cast<T*>(buffers_->values.data());
  }
  template <typename T, typename Rows, typename Places, typename Present>
  void decode_full(Rows rows, Places cursor, const std::uint8_t** out, Present present);
  template <typename T, typename Rows, typename Present>
  void decode_sparse(Rows rows, Cursor cursor, const std::uint8_t** out, Present present);
  template <typename T, typename Rows, typename Places, typename Present>
  void decode_blocks(Rows rows, Places cursor, const std::uint8_t** out, Present present);
  template <typename T, typename Present>
  void decode_values(const Cursor& cursor, const RowSet& rows, const std::uint8_t** out,
                     Present present);
  template <typename T>
  void decode_fixed(Cursor& cursor, const RowSet& rows, const std::uint8_t** out);
  template <typename T, bool kCut>
  void decode_numeric(const Cursor& cursor, const RowSet& rows, const std::uint8_t** out);
  void decode_bytes(const Cursor& cursor, const RowSet& rows, const std::uint8_t** out);
  void decode_string(const Cursor& cursor, const RowSet& rows, const std::uint8_t** out);
  template <typename T>
  [[nodiscard]] T numeric_of(std::span<const std::uint8_t> payload);
  template <typename T>
  const std::uint8_t* decode_unusual(std::uint32_t row, const std::uint8_t* at,
                                     const std::uint8_t* tuple_end);
  void load_missing();
  template <typename T>
  void store_absent(std::uint32_t row);

  const ColumnTarget* target_;
  AttributeLayout attribute_;
  std::uint16_t column_;
  const TupleGroup* group_ = nullptr;
  std::vector<ToastedValue>* toasted_ = nullptr;
  bool sparse_ = false;
  bool any_null_ = false;
  bool any_nan_ = false;
  bool missing_is_nan_ = false;
  std::optional<NumericDecoder> numeric_;
  std::optional<NumericVector> numeric_vector_;  // where the processor has the instructions
  std::uint32_t calls_one_by_one_ = 0;           // of decode(), after one of unusual values
  std::unique_ptr<Buffers> buffers_;
  alignas(16) std::array<std::uint8_t, 16> missing_{};  // the value of rows older than the column
};

}  // namespace sluice::pg
