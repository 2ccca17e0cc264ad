#include "exchange/shared_filter.h"

#include <new>

namespace sluice::exchange {

namespace {

constexpr unsigned kEpochShift = 32;

std::uint64_t nobody_in(base::Epoch epoch) noexcept {
  return std::uint64_t{epoch.value()} << kEpochShift;
}

}  // namespace

std::size_t SharedFilter::bytes_for(std::size_t words) noexcept {
  const std::size_t bytes = sizeof(SharedFilterHeader) + words * sizeof(SharedWord);
  return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
}

void SharedFilter::format(std::span<std::byte> memory) noexcept {
  new (memory.data()) SharedFilterHeader{};
  for (std::size_t at = sizeof(SharedFilterHeader); at + sizeof(SharedWord) <= memory.size();
       at += sizeof(SharedWord)) {
    new (memory.data() + at) SharedWord();
  }
}

SharedFilter::SharedFilter(std::span<std::byte> memory) noexcept
    : header_(reinterpret_cast<SharedFilterHeader*>(memory.data())),
      words_(reinterpret_cast<SharedWord*>(header_ + 1),
             (memory.size() - sizeof *header_) / sizeof(SharedWord)) {}

void SharedFilter::publish(base::Epoch epoch) noexcept {
  // Relaxed: only where the count goes on; what other seats have added is not read here.
  std::uint64_t seen = header_->published.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = (seen >> kEpochShift == epoch.value() ? seen : nobody_in(epoch)) + 1;
    // Pairs with the acquire in complete(). Every later publish() is a read-modify-write, so that
    // the last one stands for all of them.
  } while (!header_->published.compare_exchange_weak(seen, next, std::memory_order_release,
                                                     std::memory_order_relaxed));
}

bool SharedFilter::complete(base::Epoch epoch, std::size_t seats) const noexcept {
  // Pairs with the release in publish().
  return header_->published.load(std::memory_order_acquire) == nobody_in(epoch) + seats;
}

void SharedFilter::clear() noexcept {
  // Relaxed, all: no seat uses the filter, and the START words of the next epoch release this.
  if (header_->published.load(std::memory_order_relaxed) == 0) {
    return;
  }
  for (SharedWord& word : words_) {
    word.store(0, std::memory_order_relaxed);
  }
  header_->published.store(0, std::memory_order_relaxed);
}

}  // namespace sluice::exchange
