// The way in: replaces every maximal supported subtree of a finished plan by a Custom Scan.
#pragma once

namespace sluice::pg {

/// Chains into planner_hook and ExplainOneQuery_hook. Runs in: _PG_init.
void install_planner_hooks();

}  // namespace sluice::pg
