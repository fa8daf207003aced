#include "core/lasting_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>

#include "core/ceil_div.hpp"
#include "core/dry_run.hpp"
#include "core/memory.hpp"

namespace vitrine {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
// Address space. A page is resident once a piece that reaches into it is written.
constexpr int64_t kSlabBytes = 32 * kHugePage;

/// Huge pages that pieces are cut from, one behind the other.
struct Slab {
  std::byte* data;
  int64_t bytes;
  int64_t used = 0;

  explicit Slab(int64_t bytes_)
      : data(static_cast<std::byte*>(
            std::aligned_alloc(static_cast<size_t>(kHugePage), static_cast<size_t>(bytes_)))),
        bytes(bytes_) {
    if (data == nullptr) throw std::bad_alloc();
    madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  }
  ~Slab() { std::free(data); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
};

}  // namespace

std::shared_ptr<float> lasting_floats(int64_t count) {
  const int64_t bytes = ceil_div(count * static_cast<int64_t>(sizeof(float)), Buffer::kAlignment) *
                        Buffer::kAlignment;
  if (DryRun::current() != nullptr) {
    const auto buffer = std::make_shared<Buffer>(bytes);
    return {buffer, buffer->floats()};
  }
  static std::mutex mutex;
  static std::weak_ptr<Slab> latest;  // alive as long as one of its pieces
  const std::lock_guard lock(mutex);
  std::shared_ptr<Slab> slab = latest.lock();
  if (slab == nullptr || slab->bytes - slab->used < bytes) {
    slab = std::make_shared<Slab>(std::max(kSlabBytes, ceil_div(bytes, kHugePage) * kHugePage));
    latest = slab;
  }
  std::byte* piece = slab->data + slab->used;
  slab->used += bytes;
  return {slab, reinterpret_cast<float*>(piece)};
}

}  // namespace vitrine
