#include "core/storage.hpp"

#include "core/error.hpp"

namespace vitrine {

float* Storage::mutable_data() {
  if (captures() > 0) {
    throw UsageError(
        "[tensor] a live tape needs this storage for its backward: run backward, or clone() first");
  }
  if (frozen_) throw UsageError("[tensor] this storage is frozen: clone() it to write");
  version_.fetch_add(1, std::memory_order_acq_rel);
  return buffer_.floats();
}

std::shared_ptr<const void> Storage::packed() const {
  const std::lock_guard lock(packed_mutex_);
  return packed_version_ == version() ? packed_ : nullptr;
}

void Storage::set_packed(std::shared_ptr<const void> content) {
  const std::lock_guard lock(packed_mutex_);
  packed_ = std::move(content);
  packed_version_ = version();
}

void Storage::move_out(std::function<void(float*)> unpack) {
  const std::lock_guard lock(moving_mutex_);
  if (!frozen_) throw UsageError("[tensor] only the content of a frozen storage can be moved out");
  unpack_ = std::move(unpack);
  buffer_ = Buffer();
  borrowed_ = nullptr;
  owner_ = nullptr;
  moved_out_.store(true, std::memory_order_release);
}

void Storage::bring_back() const {
  const std::lock_guard lock(moving_mutex_);
  if (!moved_out_.load(std::memory_order_relaxed)) return;  // another thread was faster
  buffer_ = scratch_floats(numel_);
  unpack_(buffer_.floats());
  moved_out_.store(false, std::memory_order_release);
}

}  // namespace vitrine
