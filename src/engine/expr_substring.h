// substring(text, start [, length]), counted in characters of UTF-8.
#pragma once

#include <memory>
#include <optional>

#include "engine/expr_node.h"

namespace sluice::engine {

/// The characters from number `start`, counted from 1, up to number start + length or, without a
/// length, to the end; numbers outside of the text name no character.
/// Shape:  `start` and `length` are int4. Results may point into the argument's bytes.
/// Errors: 22011 for a negative length.
/// Source: PostgreSQL's text_substring.
[[nodiscard]] std::unique_ptr<ExprNode> make_substring(const Operand& text, const Operand& start,
                                                       std::optional<Operand> length,
                                                       base::Arena& arena);

}  // namespace sluice::engine
