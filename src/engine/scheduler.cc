#include "engine/scheduler.h"

#include <exception>
#include <utility>

#include "base/fault_point.h"

namespace sluice::engine {

namespace {

// Long enough to pay for a round, short enough to answer a cancel or a START in about a
// millisecond.
constexpr unsigned kStepBatchesMax = 4;

}  // namespace

Scheduler::Scheduler(exchange::Mesh& mesh, exchange::ControlService& control,
                     Interrupts& interrupts) noexcept
    : mesh_(mesh), control_(control), interrupts_(interrupts) {}

void Scheduler::spawn(std::unique_ptr<Task> task) { tasks_.push_back(std::move(task)); }

void Scheduler::run(const std::function<bool()>& until) {
  while (!until()) {
    interrupts_.check();
    if (mesh_.take_bells() || first_round_) {
      first_round_ = false;
      check_peers();
    }
    bool progress = control_.poll() != 0;
    progress = step_all(until) || progress;
    if (!progress && !until()) {
      mesh_.park();
    }
  }
}

/// One step a task, beginning with the one whose turn it is. Returns whether anything moved.
bool Scheduler::step_all(const std::function<bool()>& until) {
  bool progress = false;
  for (std::size_t left = tasks_.size(); left != 0 && !until(); --left) {
    next_ = next_ < tasks_.size() ? next_ : 0;
    SLUICE_FAULT_POINT(kTaskStep);
    const TaskState state = tasks_[next_]->step(kStepBatchesMax);
    progress = progress || state != TaskState::kBlocked;
    if (state == TaskState::kDone) {
      tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(next_));
    } else {
      ++next_;
    }
  }
  return progress;
}

void Scheduler::check_peers() const {
  const exchange::FirstError first = mesh_.first_error();
  if (first.set && first.seat != mesh_.self()) {
    throw base::Error(base::ErrorKind::kPeer, "XX000", "another process of the query failed",
                      first.message);
  }
  const bool dead = (mesh_.dead().bits() & members_.bits()) != 0;
  if (dead && !mesh_.query_closed()) {
    throw base::Error(base::ErrorKind::kPeer, "XX000", "another process of the query is gone");
  }
}

void Scheduler::close() {
  std::exception_ptr first;
  for (const std::unique_ptr<Task>& task : tasks_) {
    try {
      task->close();
    } catch (...) {
      first = first == nullptr ? std::current_exception() : first;
    }
  }
  tasks_.clear();
  if (first != nullptr) {
    std::rethrow_exception(first);
  }
}

}  // namespace sluice::engine
