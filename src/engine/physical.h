// From what a value means to how it lies in memory and how it is compared.
#pragma once

#include <vector>

#include "plan/data_type.h"
#include "vector/hash.h"
#include "vector/physical_type.h"

namespace sluice::engine {

[[nodiscard]] vector::PhysicalType physical_type_of(const plan::DataType& type) noexcept;
[[nodiscard]] std::vector<vector::PhysicalType> physical_types_of(
    const std::vector<plan::DataType>& types);
[[nodiscard]] vector::KeyEquality key_equality_of(const plan::DataType& type) noexcept;

}  // namespace sluice::engine
