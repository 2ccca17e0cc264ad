#include "pg/source/detoast.h"

#include <algorithm>

#include "base/check.h"
#include "base/fault_point.h"
#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/detoast.h>
#include <miscadmin.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

constexpr std::size_t kAllowanceMin = std::size_t{64} * 1024;
constexpr std::size_t kAllowanceMax = std::size_t{16} * 1024 * 1024;

varlena* server_varlena(const std::uint8_t* bytes) {
  return reinterpret_cast<varlena*>(const_cast<std::uint8_t*>(bytes));
}

/// Units: bytes of the unpacked payload. What the page says is not believed beyond what an
/// allocation may be.
std::size_t payload_bytes(const std::uint8_t* toasted) {
  const std::size_t raw =
      call([toasted] { return toast_raw_datum_size(PointerGetDatum(toasted)); });
  SLUICE_CHECK_BYTES(raw >= VARHDRSZ && raw <= MaxAllocSize,
                     "a toasted value has no possible size");
  return raw - VARHDRSZ;
}

}  // namespace

/// Plain, for the loop inside call().
struct Detoaster::Unpacked {
  const ToastedValue* value;
  std::uint8_t* payload;
  std::size_t bytes;
  bool has_size;  // as announced
};

Detoaster::Detoaster(base::MemoryBudget& budget) noexcept
    : budget_(&budget),
      allowance_bytes_(std::clamp(budget.limit_bytes() / 4, kAllowanceMin, kAllowanceMax)) {}

Detoaster::~Detoaster() { clear(); }

void Detoaster::clear() noexcept {
  blocks_.clear();
  budget_->release(charged_bytes_);
  charged_bytes_ = 0;
  held_bytes_ = 0;
}

std::uint8_t* Detoaster::allocate(std::size_t bytes) {
  blocks_.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(bytes));
  held_bytes_ += bytes;
  if (budget_->try_reserve(bytes)) {
    charged_bytes_ += bytes;
  }
  return blocks_.back().get();
}

std::uint32_t Detoaster::rows_within(std::span<const ToastedValue> values, std::uint32_t rows) {
  std::vector<std::pair<std::uint32_t, std::size_t>> sizes;  // by row
  for (const ToastedValue& value : values) {
    if (value.row < rows) {
      sizes.emplace_back(value.row, payload_bytes(value.varlena));
    }
  }
  std::ranges::sort(sizes);
  std::size_t sum = held_bytes_;
  for (const auto& [row, bytes] : sizes) {
    sum += bytes;
    if (sum > allowance_bytes_ && row > sizes.front().first) {
      return row;
    }
  }
  return rows;
}

void Detoaster::unpack(std::span<const ToastedValue> values, std::uint32_t first, std::uint32_t end,
                       PageDecoder& decoder) {
  SLUICE_FAULT_POINT(kDetoast);
  std::vector<Unpacked> wanted;
  for (const ToastedValue& value : values) {
    if (value.row >= first && value.row < end) {
      const std::size_t bytes = payload_bytes(value.varlena);
      wanted.push_back({&value, allocate(bytes), bytes, false});
    }
  }
  call([entries = wanted.data(), count = wanted.size()] {
    for (std::size_t i = 0; i < count; ++i) {
      CHECK_FOR_INTERRUPTS();
      Unpacked& entry = entries[i];
      varlena* flat = detoast_attr(server_varlena(entry.value->varlena));
      entry.has_size = VARSIZE(flat) == entry.bytes + VARHDRSZ;
      if (entry.has_size) {
        memcpy(entry.payload, VARDATA(flat), entry.bytes);
      }
      pfree(flat);
    }
  });
  for (const Unpacked& entry : wanted) {
    SLUICE_CHECK_BYTES(entry.has_size, "a toasted value has not the size it announces");
    decoder.store_payload(*entry.value, {entry.payload, entry.bytes});
  }
}

}  // namespace sluice::pg
