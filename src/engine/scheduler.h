// The one scheduler of a process: tasks round-robin, the control service between rounds, asleep on
// the doorbell when nothing is ready.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "engine/seat_runtime.h"
#include "engine/task.h"
#include "exchange/control_service.h"
#include "exchange/mesh.h"

namespace sluice::engine {

/// A round: take the bells, answer control words, step every task once. News that arrives after the
/// bells were taken rings again, so that a round without progress may park: park() returns at once
/// then.
/// Runs in: every seat. Owns: the tasks.
class Scheduler {
 public:
  Scheduler(exchange::Mesh& mesh, exchange::ControlService& control,
            Interrupts& interrupts) noexcept;

  /// The seats without which the query has failed: a dead one among them is an error.
  void watch(exchange::SeatSet members) noexcept { members_ = members; }
  /// Callable from within the control service's poll().
  void spawn(std::unique_ptr<Task> task);
  /// Runs rounds until `until()` holds; it is looked at before every step.
  /// Errors: those of tasks, control service, interrupts and waker; kPeer once another seat's
  ///         failure is known. All tasks stay, to be closed.
  void run(const std::function<bool()>& until);
  [[nodiscard]] bool idle() const noexcept { return tasks_.empty(); }

  /// Closes and forgets all tasks. Idempotent.
  /// Errors: the first of the tasks' errors, after all of them were closed.
  void close();

 private:
  void check_peers() const;
  [[nodiscard]] bool step_all(const std::function<bool()>& until);

  exchange::Mesh& mesh_;
  exchange::ControlService& control_;
  Interrupts& interrupts_;
  exchange::SeatSet members_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::size_t next_ = 0;  // whose turn it is
  bool first_round_ =
      true;  // a failure before it may have rung a bell that somebody else has taken
};

}  // namespace sluice::engine
