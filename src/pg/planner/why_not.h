// sluice.why_not(text): why a query, or a part of it, stays PostgreSQL's.
#pragma once

namespace sluice::pg {

/// Whether a planning under way was asked for by why_not and looks at every query, whatever
/// sluice.mode is.
[[nodiscard]] bool asking_why_not() noexcept;

}  // namespace sluice::pg
