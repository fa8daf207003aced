// Which free block a size class gives.

#include "core/free_blocks.hpp"

#include <catch2/catch.hpp>

#include <vector>

#include "core/memory.hpp"

namespace vitrine {
namespace {

TEST_CASE("take_free_block: the least touched that needs no new page", "[core][memory]") {
  std::byte memory[5] = {};
  std::vector<FreeBlock> free{
      {&memory[0], 90}, {&memory[1], 80}, {&memory[2], 90}, {&memory[3], 70}, {&memory[4], 95}};
  CHECK(take_free_block(free, 85).data == &memory[2]);  // the latest of two that fit alike
  CHECK(take_free_block(free, 60).data == &memory[3]);
  CHECK(take_free_block(free, 100).data == &memory[4]);  // none fits: the fewest new pages
  CHECK(take_free_block(free, 80).data == &memory[1]);
  CHECK(take_free_block(free, 10).data == &memory[0]);
  CHECK(free.empty());
}

TEST_CASE("buffer: a small tensor does not take the block of a large one", "[core][memory]") {
  constexpr int64_t kSmall = 4'400'000;  // both in the class of 5 MiB
  constexpr int64_t kLarge = 5'200'000;
  trim_memory();
  const std::byte* small = nullptr;
  const std::byte* large = nullptr;
  {
    const Buffer a(kSmall);
    const Buffer b(kLarge);
    small = a.data();
    large = b.data();
  }  // the large one is freed first
  {
    const Buffer c(kLarge);
    CHECK(c.data() == large);
    CHECK(Buffer(kSmall).data() == small);
  }
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 3; ++i) {
    const Buffer a(kSmall);
    const Buffer b(kLarge);
    CHECK(a.data() == small);
    CHECK(b.data() == large);
  }
  CHECK(memory_stats().new_blocks == before.new_blocks);
}

}  // namespace
}  // namespace vitrine
