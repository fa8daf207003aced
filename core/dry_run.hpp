#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "core/free_blocks.hpp"

namespace vitrine {

/// A rehearsal that finds out how much memory work takes, without doing the work. While one lives
/// on a thread, what that thread asks of the pool is address space that stays untouched and reads
/// as zeros, parallel_for and parallel_chunks call nothing, and new tensors are not filled.
/// Operations check their arguments, allocate and record as ever, so every block is taken and given
/// back in the order of the real work.
/// Rules:
///   1. Every buffer that was made during a rehearsal must be gone before it ends.
///   2. Small work outside of parallel_for is done, on zeros: keep what it would change elsewhere.
class DryRun {
 public:
  DryRun();
  ~DryRun();
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

  /// What would be resident after the work so far if the pool had been empty before: of each block
  /// the most that was ever asked of it. In bytes.
  int64_t resident_bytes() const;

  /// The rehearsal under way on this thread, or null.
  static DryRun* current();

 private:
  friend class Buffer;
  struct Block {
    int64_t size;  // of its class
    int64_t used;  // the most that was asked of it
  };
  /// A block of a class of `size` bytes, of which `used` are asked for.
  std::byte* take(int64_t size, int64_t used);
  /// False if the block is not one of the rehearsal's.
  bool give_back(std::byte* data);

  DryRun* outer_;
  std::map<std::byte*, Block> blocks_;
  std::map<int64_t, std::vector<FreeBlock>> free_;  // by class
  std::map<int64_t, int64_t> made_;                 // blocks of each class so far
  int64_t taken_ = 0;                               // blocks in use now
};

}  // namespace vitrine
