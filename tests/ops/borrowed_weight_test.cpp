// Borrowed weights: multiplied where they lie at their first use, packed at the second, with the
// same bits on every ISA, at any alignment, and nothing read behind their end.

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <thread>

#include "ops/conv2d.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/linear.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

/// `t` in borrowed memory that ends where the readable pages end, as a file's last tensor does.
Tensor borrowed_copy(const Tensor& t) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = t.values().size_bytes();
  const size_t readable = (bytes + page - 1) / page * page;
  void* memory =
      mmap(nullptr, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* values = reinterpret_cast<float*>(static_cast<std::byte*>(memory) + readable - bytes);
  std::ranges::copy(t.values(), values);
  mprotect(memory, readable, PROT_READ);
  mprotect(static_cast<std::byte*>(memory) + readable, page, PROT_NONE);
  const std::shared_ptr<const void> owner(
      memory, [memory, all = readable + page](const void*) { munmap(memory, all); });
  return Tensor::borrow({values, t.values().size()}, t.shape(), owner);
}

TEST_CASE("borrowed weight: packed at the second use, the same bits", "[ops]") {
  const ScopedIsa isa(test::each_isa());
  const auto check = [](int64_t m, int64_t n, int64_t k) {
    CAPTURE(m, n, k);
    const Tensor plain = test::random_tensor({n, k}, 1);
    const Tensor x = test::random_tensor({m, k}, 2);
    const Tensor want = linear(x, plain, Tensor());
    const Tensor weight = borrowed_copy(plain);
    pack_weight(weight);
    CHECK(weight.storage().packed() == nullptr);
    CHECK(test::same_bits(linear(x, weight, Tensor()), want));
    const auto packed = packed_weight(weight);
    REQUIRE(packed != nullptr);
    CHECK(packed_weight(weight) == packed);
    CHECK(test::same_bits(linear(x, weight, Tensor()), want));
    CHECK(weight.storage().borrowed());
  };
  check(1, 1, 1);
  check(7, 50, 7);
  check(197, 101, 77);   // rows that begin at any alignment, a panel that is not full
  check(3, 100, 2500);   // several blocks of K
  check(2000, 65, 130);  // more rows than a thread keeps: all panels packed before
}

TEST_CASE("borrowed weight: rows have first uses of their own", "[ops]") {
  const Tensor fused = borrowed_copy(test::random_tensor({10, 6}, 3));
  CHECK(packed_weight(fused.rows(0, 5)) == nullptr);
  CHECK(packed_weight(fused.rows(5, 10)) == nullptr);
  CHECK(packed_weight(fused) == nullptr);
  CHECK(packed_weight(fused.rows(5, 10))->n() == 5);
}

TEST_CASE("borrowed weight: threads that meet get the same bits", "[ops]") {
  const Tensor plain = test::random_tensor({50, 60}, 1);
  const Tensor x = test::random_tensor({9, 60}, 2);
  const Tensor want = linear(x, plain, Tensor());
  const Tensor weight = borrowed_copy(plain);
  std::array<Tensor, 4> got;
  std::vector<std::thread> threads;
  threads.reserve(got.size());
  for (Tensor& y : got) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) y = linear(x, weight, Tensor());
    });
  }
  for (std::thread& t : threads) t.join();
  for (const Tensor& y : got) CHECK(test::same_bits(y, want));
  CHECK(packed_weight(weight) != nullptr);
}

TEST_CASE("borrowed weight: a convolution", "[ops]") {
  const Tensor plain = test::random_tensor({6, 4, 3, 3}, 1);
  const Tensor x = test::random_tensor({1, 7, 5, 8}, 2);
  const Conv2dOptions options{.groups = 2};
  const Tensor want = conv2d(x, plain, Tensor(), options);
  const Tensor weight = borrowed_copy(plain);
  pack_conv2d_weight(weight, 2);
  CHECK(weight.storage().packed() == nullptr);
  for (int use = 0; use < 3; ++use) {
    CHECK(test::same_bits(conv2d(x, weight, Tensor(), options), want));
  }
}

}  // namespace
}  // namespace vitrine
