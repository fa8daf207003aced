#include "core/dry_run.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

#include "core/error.hpp"

namespace vitrine {
namespace {

thread_local DryRun* t_current = nullptr;

/// What `used` bytes occupy: whole pages where a block has pages of its own, which malloc gives
/// from 128 KiB on.
int64_t occupied(int64_t used) {
  constexpr int64_t kPage = 4096;
  constexpr int64_t kOwnPages = int64_t{128} << 10;
  return used < kOwnPages ? used : (used + kPage - 1) / kPage * kPage;
}

}  // namespace

DryRun::DryRun() : outer_(std::exchange(t_current, this)) {}

DryRun::~DryRun() {
  VT_CHECK(taken_ == 0);
  t_current = outer_;
  for (const auto& [data, block] : blocks_) munmap(data, static_cast<size_t>(block.size));
}

DryRun* DryRun::current() { return t_current; }

int64_t DryRun::resident_bytes() const {
  int64_t sum = 0;
  for (const auto& [data, block] : blocks_) sum += occupied(block.used);
  return sum;
}

std::byte* DryRun::take(int64_t size, int64_t used) {
  std::vector<FreeBlock>& free = free_[size];
  std::byte* data = nullptr;
  if (free.empty()) {
    reserve_places(free, ++made_[size]);
    void* mapped = mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    data = static_cast<std::byte*>(mapped);
    blocks_[data] = {size, used};
  } else {
    data = take_free_block(free, used).data;
    Block& block = blocks_.at(data);
    block.used = std::max(block.used, used);
  }
  ++taken_;
  return data;
}

bool DryRun::give_back(std::byte* data) {
  const auto found = blocks_.find(data);
  if (found == blocks_.end()) return false;
  free_[found->second.size].push_back({data, found->second.used});
  --taken_;
  return true;
}

}  // namespace vitrine
