// For tests: one seat of a small two-level query, with a scheduler, in whatever process or thread
// the caller likes. Every seat scatters numbers to every seat (stream 1); every seat adds up what
// it received and sends the sum to the leader (stream 0).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "exchange/control_service.h"
#include "exchange/stream_input.h"
#include "exchange/stream_output.h"

namespace sluice::exchange {

struct TestQuery {
  std::uint32_t rows = 1000;  // that each seat sends, in turn to every seat
  std::size_t record_bytes = 64;
  /// Called before every row that a seat sends, with the number of the row.
  std::function<void(std::uint32_t)> before_row = [](std::uint32_t) {};
};

class TestSeat final : public StreamProcedure {
 public:
  static constexpr StreamId kSums{0};
  static constexpr StreamId kNumbers{1};
  static std::vector<StreamAudience> streams() {
    return {StreamAudience::kLeader, StreamAudience::kSeats};
  }

  TestSeat(Mesh& mesh, TestQuery query)
      : mesh_(mesh), query_(std::move(query)), control_(mesh, registry_) {
    registry_.add(kSums, *this);
    registry_.add(kNumbers, *this);
  }

  /// What all sums of one epoch come to.
  [[nodiscard]] static std::uint64_t expected(std::uint64_t members, const TestQuery& query,
                                              Epoch epoch) {
    return members * query.rows * (query.rows + 1) / 2 * epoch.value();
  }

  /// Runs in: the leader, after the seal. Reads at most `records_max` sums, then cancels.
  [[nodiscard]] std::uint64_t pull(unsigned records_max) {
    learn_members();
    StreamInput input(mesh_, kSums, members_, mesh_.epoch(), budget_);
    input.start();
    std::uint64_t sum = 0;
    bool ended = false;
    run([&] {
      for (RecordView record; !ended && records_max != 0;) {
        const InputState state = input.next(record);
        if (state == InputState::kEmpty) {
          return false;
        }
        ended = state == InputState::kEnd;
        if (!ended) {
          sum += number_in(record);
          input.release();
          --records_max;
        }
      }
      return true;
    });
    return sum;
  }
  /// Runs in: the leader, after pull().
  void restart() {
    run([&] { return tasks_.empty() && mesh_.quiescent(); });
    mesh_.advance_epoch();
  }
  /// Runs in: a worker, after it joined.
  void serve() {
    run([&] { return mesh_.sealed() || mesh_.query_closed(); });
    learn_members();
    run([&] { return mesh_.query_closed(); });
  }
  [[nodiscard]] unsigned parks() const noexcept { return parks_; }

  void start(StreamId stream, Epoch epoch) override {
    learn_members();
    if (stream == kNumbers) {
      tasks_.push_back(std::make_unique<Scatter>(*this, epoch));
    } else {
      tasks_.push_back(std::make_unique<AddUp>(*this, epoch));
    }
  }

 private:
  struct Task {
    virtual ~Task() = default;
    /// Returns whether anything moved.
    virtual bool step() = 0;
    bool done = false;
  };

  struct Scatter final : Task {
    Scatter(TestSeat& seat, Epoch epoch_in)
        : self(seat), output(seat.mesh_, kNumbers, seat.members_, epoch_in), epoch(epoch_in) {
      record.resize(seat.query_.record_bytes);
    }
    bool step() override {
      if (output.all_closed()) {
        done = true;
        return true;
      }
      for (bool moved = false;; moved = true) {
        if (row == self.query_.rows) {
          output.finish();
          done = true;
          return true;
        }
        if (!prepared) {
          self.query_.before_row(row);
          const std::uint64_t number = std::uint64_t{row + 1} * epoch.value();
          std::memcpy(record.data(), &number, sizeof(number));
          prepared = true;
        }
        const SeatIndex to = self.members_.nth(row % self.members_.size());
        if (output.push(to, record, 1) == PushResult::kFull) {
          return moved;
        }
        ++row;
        prepared = false;
      }
    }
    TestSeat& self;
    StreamOutput output;
    Epoch epoch;
    std::vector<std::byte> record;
    std::uint32_t row = 0;
    bool prepared = false;
  };

  struct AddUp final : Task {
    AddUp(TestSeat& seat, Epoch epoch)
        : output(seat.mesh_, kSums, SeatSet::of(kLeaderSeat), epoch),
          input(seat.mesh_, kNumbers, seat.members_, epoch, seat.budget_) {}
    bool step() override {
      if (output.all_closed()) {
        input.close();
        done = true;
        return true;
      }
      input.start();
      bool moved = false;
      for (RecordView record; !ended; moved = true) {
        const InputState state = input.next(record);
        if (state == InputState::kEmpty) {
          return moved;
        }
        ended = state == InputState::kEnd;
        if (!ended) {
          sum += number_in(record);
          input.release();
        }
      }
      input.close();
      const auto* bytes = reinterpret_cast<const std::byte*>(&sum);
      if (output.push(kLeaderSeat, {bytes, sizeof(sum)}, 1) == PushResult::kFull) {
        return moved;
      }
      output.finish();
      done = true;
      return true;
    }
    StreamOutput output;
    StreamInput input;
    std::uint64_t sum = 0;
    bool ended = false;
  };

  static std::uint64_t number_in(const RecordView& record) {
    std::uint64_t number = 0;
    std::memcpy(&number, record.payload.data(), sizeof(number));
    return number;
  }

  void learn_members() {
    if (!members_.empty() || !mesh_.sealed()) {
      return;
    }
    members_ = mesh_.members();
    registry_.link(kSums, {SeatSet::of(kLeaderSeat), {kNumbers}, members_});
    registry_.link(kNumbers, {members_, {}, {}});
  }

  void check_peers() {
    if ((mesh_.dead().bits() & members_.bits()) != 0 && !mesh_.query_closed()) {
      throw base::Error(base::ErrorKind::kPeer, "XX000", "a seat is gone");
    }
  }

  void run(const std::function<bool()>& until) {
    while (!until()) {
      (void)mesh_.take_bells();
      check_peers();
      bool moved = control_.poll() != 0;
      for (const auto& task : tasks_) {
        moved = task->step() || moved;
      }
      tasks_.erase(
          std::remove_if(tasks_.begin(), tasks_.end(), [](const auto& task) { return task->done; }),
          tasks_.end());
      if (!moved && !until()) {
        ++parks_;
        mesh_.park();
      }
    }
  }

  Mesh& mesh_;
  TestQuery query_;
  StreamRegistry registry_;
  ControlService control_;
  SeatSet members_;
  base::MemoryBudget budget_{std::size_t{64} << 20};
  std::vector<std::unique_ptr<Task>> tasks_;
  unsigned parks_ = 0;
};

}  // namespace sluice::exchange
