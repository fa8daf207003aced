// Shape, Tensor, Storage and the memory pool.

#include "core/tensor.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "core/error.hpp"
#include "core/memory.hpp"

namespace vitrine {
namespace {

TEST_CASE("shape: sizes, axes and text", "[core]") {
  const Shape s{2, 197, 768};
  CHECK(s.rank() == 3);
  CHECK(s.numel() == 2 * 197 * 768);
  CHECK(s.dim(-1) == 768);
  CHECK(s.str() == "(2, 197, 768)");
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{}.str() == "()");
  CHECK(Shape{0, 5}.numel() == 0);
  CHECK(s.with(-2, 50) == Shape{2, 50, 768});
  CHECK_THROWS_AS(s.dim(3), ShapeError);
  CHECK_THROWS_AS(s.dim(-4), ShapeError);
  CHECK_THROWS_AS((Shape{2, -1}), ShapeError);
  CHECK_THROWS_AS((Shape{1, 2, 3, 4, 5, 6, 7}), ShapeError);
  const int64_t huge = int64_t{1} << 40;
  CHECK_THROWS_AS((Shape{huge, huge}), ShapeError);
}

TEST_CASE("tensor: copies share, clones do not", "[core]") {
  Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor b = a;
  a.mutable_data()[0] = 9;
  CHECK(b.values()[0] == 9);
  const Tensor c = a.clone();
  a.mutable_data()[0] = 1;
  CHECK(c.values()[0] == 9);
  CHECK_FALSE(a.unique());
  CHECK(c.unique());
  CHECK(a.shares_storage(b.reshape({3, 2})));
}

TEST_CASE("tensor: views", "[core]") {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  CHECK(a.rows(1, 3).shape() == Shape{2, 2});
  CHECK(a.rows(1, 3).values()[0] == 3);
  CHECK(a.rows(1, 1).numel() == 0);
  CHECK(a.reshape({-1}).shape() == Shape{6});
  CHECK(a.reshape({2, -1}).shape() == Shape{2, 3});
  CHECK_THROWS_AS(a.reshape({4, -1}), ShapeError);
  CHECK_THROWS_AS(a.reshape({5}), ShapeError);
  CHECK_THROWS_AS(a.rows(2, 4), ShapeError);
  CHECK_THROWS_AS(Tensor::scalar(1).rows(0, 1), ShapeError);
  CHECK_THROWS_AS(a.item(), ShapeError);
  CHECK_THROWS_AS(Tensor::from(std::vector<float>{1, 2}, {3}), ShapeError);
  CHECK(Tensor::scalar(3).item() == 3);
}

TEST_CASE("storage: what is packed belongs to one version of the content", "[core]") {
  Tensor a = Tensor::zeros({4});
  const auto packed = std::make_shared<const int>(7);
  CHECK(a.storage().packed() == nullptr);
  a.storage().set_packed(packed);
  CHECK(a.storage().packed() == packed);
  a.mutable_data()[0] = 1;
  CHECK(a.storage().packed() == nullptr);
}

TEST_CASE("memory: blocks are aligned, disjoint, and used again", "[core]") {
  std::vector<Buffer> buffers;
  for (int64_t bytes = 1; bytes < 100'000; bytes = bytes * 5 / 4 + 1) {
    buffers.emplace_back(bytes);
    CHECK(reinterpret_cast<uintptr_t>(buffers.back().data()) % Buffer::kAlignment == 0);
    std::fill_n(buffers.back().data(), bytes, static_cast<std::byte>(buffers.size()));
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    const auto mine = static_cast<std::byte>(i + 1);
    CHECK(buffers[i].data()[0] == mine);
    CHECK(buffers[i].data()[buffers[i].bytes() - 1] == mine);
  }
  const int64_t live = memory_stats().live_bytes;
  buffers.clear();
  CHECK(memory_stats().live_bytes < live);
  const int64_t blocks = memory_stats().new_blocks;
  for (int64_t bytes = 1; bytes < 100'000; bytes = bytes * 5 / 4 + 1) buffers.emplace_back(bytes);
  CHECK(memory_stats().new_blocks == blocks);
  CHECK(Buffer(0).data() == nullptr);
}

TEST_CASE("tensor: borrowed memory is read, never written, and kept as long as it is shown",
          "[core]") {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{9, 1, 2, 3, 4, 5, 6});
  const float* data = owner->data() + 1;
  const std::weak_ptr<std::vector<float>> alive = owner;
  const int64_t live = memory_stats().live_bytes;
  Tensor t = Tensor::borrow(std::span(*owner).subspan(1), {2, 3}, owner);
  owner = nullptr;
  CHECK(memory_stats().live_bytes == live);
  CHECK(t.storage().borrowed());
  CHECK(t.storage().frozen());
  CHECK(t.data() == data);
  CHECK_THROWS_AS(t.mutable_data(), UsageError);
  CHECK_THROWS_AS(Tensor::borrow(t.values(), {5}, nullptr), ShapeError);

  Tensor copy = t.clone();
  CHECK_FALSE(copy.storage().borrowed());
  copy.mutable_data()[0] = 7;
  CHECK(t.values()[0] == 1);

  // A view of it is enough.
  Tensor row = t.rows(1, 2);
  t = Tensor();
  CHECK_FALSE(alive.expired());
  CHECK(row.values()[2] == 6);
  // What has moved out comes back into memory of the storage's own.
  row.storage().move_out([](float* to) { std::fill_n(to, 6, 8.0F); });
  CHECK(alive.expired());
  CHECK_FALSE(row.storage().borrowed());
  CHECK(row.values()[2] == 8);
  row = Tensor();

  auto other = std::make_shared<std::vector<float>>(3);
  const std::weak_ptr<std::vector<float>> other_alive = other;
  {
    const Tensor last = Tensor::borrow(*other, {3}, other);
    other = nullptr;
    CHECK_FALSE(other_alive.expired());
  }
  CHECK(other_alive.expired());
}

TEST_CASE("memory: a size class wastes at most a quarter", "[core]") {
  for (int64_t bytes = 256; bytes < (int64_t{1} << 24); bytes = bytes * 9 / 8 + 1) {
    const int64_t before = memory_stats().live_bytes;
    const Buffer buffer(bytes);
    const int64_t taken = memory_stats().live_bytes - before;
    CHECK(taken >= bytes);
    CHECK(static_cast<double>(taken) <= 1.25 * static_cast<double>(bytes) + 64);
  }
}

TEST_CASE("memory: peak and trim", "[core]") {
  trim_memory();
  reset_peak_memory();
  const int64_t live = memory_stats().live_bytes;
  {
    const Buffer large(int64_t{8} << 20);
  }
  CHECK(memory_stats().peak_bytes >= live + (int64_t{8} << 20));
  CHECK(memory_stats().pooled_bytes >= (int64_t{8} << 20));
  trim_memory();
  CHECK(memory_stats().pooled_bytes == 0);
}

}  // namespace
}  // namespace vitrine
