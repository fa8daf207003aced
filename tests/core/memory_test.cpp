// What goes back to the operating system, and memory that lasts.

#include "core/memory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/dry_run.hpp"
#include "core/lasting_memory.hpp"
#include "core/process_memory.hpp"
#include "tests/sanitized.hpp"
#include "tests/skipped.hpp"

namespace vitrine {
namespace {

TEST_CASE("trim_heap gives back what was freed below a block in use", "[core][memory]") {
  if (test::kSanitized) return test::say_skipped("a sanitizer's allocator keeps what is freed");
  constexpr size_t kBlocks = 4096;
  constexpr size_t kBlockBytes = size_t{1} << 14;  // small: the C library maps none by itself
  std::vector<std::unique_ptr<std::byte[]>> blocks(kBlocks);
  for (auto& block : blocks) block = std::make_unique<std::byte[]>(kBlockBytes);  // zeros: touched
  const auto above = std::make_unique<std::byte[]>(kBlockBytes);
  blocks.clear();
  const int64_t kept = process_memory().resident_bytes;
  trim_heap();
  const int64_t now = process_memory().resident_bytes;
  INFO(kept << " bytes before, " << now << " after");
  CHECK(kept - now >= static_cast<int64_t>(kBlocks * kBlockBytes / 2));
}

TEST_CASE("lasting memory: pieces lie side by side and keep what was written", "[core][memory]") {
  constexpr int64_t kCounts[] = {1, 16, 17, 100000, int64_t{1} << 19, 3};
  const auto filler = lasting_floats(int64_t{16} << 20);  // a slab of its own: a new one begins
  std::vector<std::shared_ptr<float>> pieces;
  for (const int64_t count : kCounts) {
    pieces.push_back(lasting_floats(count));
    CHECK(reinterpret_cast<uintptr_t>(pieces.back().get()) % 64 == 0);
    std::fill_n(pieces.back().get(), count, static_cast<float>(count));
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const float* piece = pieces[i].get();
    CHECK(std::all_of(piece, piece + kCounts[i],
                      [&](float x) { return x == static_cast<float>(kCounts[i]); }));
    if (i > 0) CHECK(piece - pieces[i - 1].get() == (kCounts[i - 1] + 15) / 16 * 16);
  }
}

TEST_CASE("lasting memory: the last piece of a slab gives it back", "[core][memory]") {
  if (test::kSanitized) return test::say_skipped("a sanitizer's allocator keeps what is freed");
  constexpr int64_t kFloats = int64_t{50} << 20;  // more than a slab
  constexpr int64_t kBytes = kFloats * static_cast<int64_t>(sizeof(float));
  auto large = lasting_floats(kFloats);
  auto small = lasting_floats(100);
  std::fill_n(large.get(), kFloats, 1.0F);
  std::fill_n(small.get(), 100, 2.0F);
  const int64_t before = process_memory().resident_bytes;
  large.reset();
  CHECK(before - process_memory().resident_bytes >= kBytes * 9 / 10);
  CHECK(small.get()[99] == 2.0F);
}

TEST_CASE("lasting memory: a piece has the place of one like it that died", "[core][memory]") {
  constexpr int64_t kCounts[] = {100, int64_t{1} << 20, 5000};
  std::vector<std::shared_ptr<float>> model;
  for (const int64_t count : kCounts) model.push_back(lasting_floats(count));
  const auto other = lasting_floats(7);  // keeps the slab
  std::vector<const float*> places;
  places.reserve(model.size());
  for (const auto& piece : model) places.push_back(piece.get());
  model.clear();
  for (size_t i = 0; i < places.size(); ++i) {
    model.push_back(lasting_floats(kCounts[i]));
    CHECK(model[i].get() == places[i]);
  }
}

TEST_CASE("lasting memory: models that come and go take no more of it", "[core][memory]") {
  if (test::kSanitized) return test::say_skipped("a sanitizer's allocator keeps what is freed");
  constexpr int kModels = 20;
  constexpr int64_t kFloats = 1'200'000;  // 4.8 MB
  std::vector<std::shared_ptr<float>> models(kModels);
  const auto open = [&](int i) {
    auto& model = models[static_cast<size_t>(i)];
    model.reset();
    model = lasting_floats(kFloats + i * 1000);
    std::fill_n(model.get(), kFloats, 1.0F);
  };
  for (int i = 0; i < kModels; ++i) open(i);
  const int64_t before = process_memory().resident_bytes;
  for (int round = 0; round < 300; ++round) open(round * 7 % kModels);
  const int64_t after = process_memory().resident_bytes;
  INFO(before << " bytes before, " << after << " after");
  CHECK(after < before + (int64_t{16} << 20));
  for (int i = 1; i < kModels; ++i) models[static_cast<size_t>(i)].reset();
  CHECK(process_memory().resident_bytes < before - int64_t{15} * kFloats * 4);
}

TEST_CASE("lasting memory: the statistics count it", "[core][memory]") {
  const MemoryStats before = memory_stats();
  auto piece = lasting_floats(17);
  CHECK(memory_stats().new_blocks == before.new_blocks + 1);
  CHECK(memory_stats().live_bytes == before.live_bytes + 128);
  piece.reset();
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE("lasting memory: a rehearsal counts it", "[core][memory]") {
  const DryRun dry;
  const auto piece = lasting_floats(1 << 20);
  CHECK(dry.resident_bytes() == int64_t{4} << 20);
}

}  // namespace
}  // namespace vitrine
