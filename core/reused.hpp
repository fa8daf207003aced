#pragma once

#include <cstddef>
#include <vector>

namespace vitrine {

namespace detail {
/// At least `bytes` from blocks that were given back, or else from the system. Throws
/// std::bad_alloc. Any thread may take and give back.
void* take_reused(size_t bytes);
void give_back_reused(void* block, size_t bytes) noexcept;
}  // namespace detail

/// Gives blocks that wait to be used again back to the C library. (trim_memory() does.)
void trim_reused();

/// An allocator for what every call of a network makes and drops: lists, and the heads of tensors.
/// Its memory waits to be used again, so that a call that was made before calls malloc no more.
/// Numbers of tensors come from the pool (core/memory).
template <class T>
struct Reused {
  using value_type = T;

  Reused() = default;
  template <class U>
  Reused(const Reused<U>&) {}  // NOLINT: implicit, as allocators convert

  T* allocate(size_t n) { return static_cast<T*>(detail::take_reused(n * sizeof(T))); }
  void deallocate(T* block, size_t n) noexcept { detail::give_back_reused(block, n * sizeof(T)); }
  bool operator==(const Reused&) const { return true; }
};

template <class T>
using ReusedVector = std::vector<T, Reused<T>>;

}  // namespace vitrine
