#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace vitrine {

/// What the pool has handed out since the program started. Sizes in bytes.
struct MemoryStats {
  int64_t live_bytes = 0;    ///< in blocks that are in use now
  int64_t peak_bytes = 0;    ///< the largest live_bytes so far (see reset_peak_memory)
  int64_t pooled_bytes = 0;  ///< in blocks that wait to be used again
  int64_t new_blocks = 0;    ///< blocks taken from the operating system so far
};
MemoryStats memory_stats();
/// Makes peak_bytes start again from what is live now.
void reset_peak_memory();
/// Gives every block that waits in the pool back to the operating system.
void trim_memory();

/// Gives the pages that the C library keeps of what was freed back to the operating system; the
/// pool's blocks stay. For after work that comes now and then, such as drawing: each time its
/// memory may lie elsewhere, and a long run would grow by all those places.
void trim_heap();

/// A block of memory from the pool: aligned to 64 bytes (a cache line, and a full AVX-512
/// register), uninitialised, returned to the pool when it dies. Movable, not copyable.
///
/// The pool keeps free blocks by size class (four per power of two, so at most 25 % is wasted) and
/// never splits or merges them: a step that repeats takes the same blocks again and allocates
/// nothing new. Any thread may take and return blocks.
class Buffer {
 public:
  static constexpr int64_t kAlignment = 64;

  Buffer() = default;
  /// Throws std::bad_alloc if the operating system refuses. 0 bytes is legal and gives data() null.
  explicit Buffer(int64_t bytes);
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        touched_(std::exchange(other.touched_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(touched_, other.touched_);
    return *this;
  }
  ~Buffer();

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  float* floats() const { return reinterpret_cast<float*>(data_); }

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  int64_t touched_ = 0;  // of the block's bytes, by this buffer and those before it
};

/// `count` floats of scratch memory from the pool.
inline Buffer scratch_floats(int64_t count) {
  return Buffer(count * static_cast<int64_t>(sizeof(float)));
}

}  // namespace vitrine
