// What goes back to the operating system.

#include "core/memory.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "core/process_memory.hpp"
#include "tests/sanitized.hpp"

namespace vitrine {
namespace {

TEST_CASE("trim_heap gives back what was freed below a block in use", "[core][memory]") {
  if (test::kSanitized) return;  // its allocator keeps what is freed
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

}  // namespace
}  // namespace vitrine
