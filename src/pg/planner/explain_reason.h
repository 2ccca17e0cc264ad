// EXPLAIN (VERBOSE) says why Sluice was not used.
#pragma once

namespace sluice::pg {

/// Chains into ExplainOneQuery_hook. Runs in: _PG_init.
void install_explain_hook();

}  // namespace sluice::pg
