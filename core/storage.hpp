#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "core/memory.hpp"

namespace vitrine {

/// The memory behind one or more tensors.
/// Invariants:
///   1. version() grows whenever somebody may have written; what is derived from the content
///      (packed panels) is valid for one version only.
///   2. While captures() > 0 a live tape needs the content for its backward: writing throws.
///   3. A frozen storage is never written again.
///   4. The content of a frozen storage may live in its packed form alone; data() brings it back.
///   5. A borrowed storage shows memory that is not the pool's, such as a mapped file's. It is
///      frozen from the start, at any alignment of float, and keeps its owner. What it shows must
///      not change: a file that is cut short meanwhile kills the process (SIGBUS), so borrow for a
///      short time only.
class Storage {
 public:
  explicit Storage(int64_t floats) : numel_(floats), buffer_(scratch_floats(floats)) {}
  /// Borrows `values`, which are there as long as `owner` lives.
  Storage(std::span<const float> values, std::shared_ptr<const void> owner)
      : numel_(static_cast<int64_t>(values.size())),
        borrowed_(values.data()),
        owner_(std::move(owner)),
        frozen_(true) {}

  int64_t numel() const { return numel_; }
  const float* data() const {
    if (moved_out_.load(std::memory_order_acquire)) bring_back();
    return borrowed_ != nullptr ? borrowed_ : buffer_.floats();
  }
  /// For writing. Throws UsageError if 2 or 3 forbids it.
  float* mutable_data();

  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  int captures() const { return captures_.load(std::memory_order_relaxed); }
  void add_capture() { captures_.fetch_add(1, std::memory_order_relaxed); }
  void drop_capture() { captures_.fetch_sub(1, std::memory_order_relaxed); }

  void freeze() { frozen_ = true; }
  bool frozen() const { return frozen_; }
  bool borrowed() const { return borrowed_ != nullptr; }

  /// What ops/gemm/gemm keeps with this content (its packed panels), opaque to everybody else; null
  /// if there is nothing for the present version. Any thread may ask.
  std::shared_ptr<const void> packed() const;
  /// Keeps `content` for the present version.
  void set_packed(std::shared_ptr<const void> content);

  /// Gives the memory of a frozen storage (or the owner of what it borrowed) back: what is packed
  /// holds the same numbers, and `unpack` writes them to their places. Nobody may hold a pointer
  /// from data() or be asking for one.
  void move_out(std::function<void(float*)> unpack);
  bool moved_out() const { return moved_out_.load(std::memory_order_relaxed); }

 private:
  void bring_back() const;

  int64_t numel_;
  mutable Buffer buffer_;
  const float* borrowed_ = nullptr;  // instead of buffer_
  std::shared_ptr<const void> owner_;
  std::atomic<uint64_t> version_{0};
  std::atomic<int> captures_{0};
  bool frozen_ = false;

  mutable std::mutex packed_mutex_;
  std::shared_ptr<const void> packed_;
  uint64_t packed_version_ = 0;

  mutable std::atomic<bool> moved_out_{false};
  mutable std::mutex moving_mutex_;
  std::function<void(float*)> unpack_;
};

}  // namespace vitrine
