// The setting by which a test makes a seat fail, sleep or die at a fault point. Only in builds with
// SLUICE_FAULT_POINTS; docs/testing.md has the points and the tests.
//
//   sluice.fault = 'point:action[:nth[:seat]]'
//
// | part   | is                                                                                |
// |--------|-----------------------------------------------------------------------------------|
// | point  | a name of base/fault_point.h without its k, or * for every point                  |
// | action | what the seat does there: the table in faults.cc                                  |
// | nth    | at which passage, counted in each process since the setting was made; 1 (default) |
// |        | is the first, 0 means each                                                        |
// | seat   | 0 the leader, 1.. a worker; every seat when left out                              |
//
// Actions that throw do nothing at the points where nothing may be thrown.
#pragma once

#ifdef SLUICE_FAULT_POINTS
namespace sluice::pg {

/// Defines sluice.fault and sluice.live_allocations and takes the process's fault handler.
/// Runs in: every process that loads the library, before the settings' prefix is reserved.
void define_faults();

}  // namespace sluice::pg
#endif
