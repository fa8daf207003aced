// mix_batch: pictures and targets against the definition, what is shared by whom, shares and boxes.

#include "models/data/mix.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <set>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

constexpr int64_t kClasses = 5;

/// Values that say where they come from: sample * 1000 + place.
Tensor numbered(int64_t batch, int64_t height, int64_t width, int64_t channels) {
  Tensor t = Tensor::empty({batch, height, width, channels});
  const int64_t numel = height * width * channels;
  for (int64_t i = 0; i < t.numel(); ++i) {
    const int64_t sample = i / numel;
    t.mutable_data()[i] = static_cast<float>(sample * 1000 + i % numel);
  }
  return t;
}

std::vector<int32_t> labels_of(int64_t batch) {
  std::vector<int32_t> labels(static_cast<size_t>(batch));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % kClasses);
  return labels;
}

MixedBatch mix(const Tensor& images, const Mix& options, uint64_t stream) {
  Random random(7, RandomPlace::kTest, stream);
  return mix_batch(images, labels_of(images.dim(0)), kClasses, options, random);
}

/// The share of sample i that its target gives to its own label. Partners have other labels here.
double own_share(const MixedBatch& mixed, int64_t i) {
  return static_cast<double>(mixed.targets.data()[i * kClasses + i % kClasses]);
}

TEST_CASE("mix: mixup is lam x + (1 - lam) x reversed, and the target likewise", "[models]") {
  const Tensor images = numbered(4, 3, 5, 2);
  const MixedBatch mixed = mix(images, {.mixup = 1}, 0);
  const auto share = static_cast<float>(own_share(mixed, 0));
  REQUIRE((share > 0 && share < 1));
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t c = 0; c < kClasses; ++c) {
      const float want = c == i ? share : c == 3 - i ? 1 - share : 0;
      CHECK(std::abs(mixed.targets.data()[i * kClasses + c] - want) < 1e-7);
    }
    for (int64_t k = 0; k < 30; ++k) {
      const float own = images.data()[i * 30 + k];
      const float other = images.data()[(3 - i) * 30 + k];
      CHECK(std::abs(mixed.images.data()[i * 30 + k] - (share * own + (1 - share) * other)) < 1e-3);
    }
  }
}

TEST_CASE("mix: cutmix pastes one rectangle, and its area is the partner's share", "[models]") {
  const int64_t height = 6, width = 9;
  const Tensor images = numbered(4, height, width, 1);
  std::set<int64_t> areas;
  for (uint64_t stream = 0; stream < 200; ++stream) {
    const MixedBatch mixed = mix(images, {.cutmix = 1}, stream);
    for (int64_t i = 0; i < 4; ++i) {
      int64_t area = 0, top = height, bottom = 0, left = width, right = 0;
      for (int64_t k = 0; k < height * width; ++k) {
        const float value = mixed.images.data()[i * height * width + k];
        const auto from = static_cast<int64_t>(value) / 1000;
        REQUIRE(static_cast<int64_t>(value) % 1000 == k);
        REQUIRE((from == i || from == 3 - i));
        if (from == i) continue;
        ++area;
        top = std::min(top, k / width);
        bottom = std::max(bottom, k / width + 1);
        left = std::min(left, k % width);
        right = std::max(right, k % width + 1);
      }
      REQUIRE(area == std::max<int64_t>(bottom - top, 0) * std::max<int64_t>(right - left, 0));
      const double share = 1 - static_cast<double>(area) / static_cast<double>(height * width);
      REQUIRE(std::abs(own_share(mixed, i) - share) < 1e-6);
      areas.insert(area);
    }
  }
  CHECK(areas.size() > 15);
}

TEST_CASE("mix: who shares what is drawn", "[models]") {
  const Tensor images = numbered(4, 8, 8, 1);
  const auto shares = [&](MixMode mode) {
    const MixedBatch mixed = mix(images, {.mixup = 1, .mode = mode}, 3);
    return std::vector<double>{own_share(mixed, 0), own_share(mixed, 1), own_share(mixed, 2),
                               own_share(mixed, 3)};
  };
  const auto batch = shares(MixMode::kBatch);
  CHECK((batch[0] == batch[1] && batch[1] == batch[2] && batch[2] == batch[3]));
  const auto pair = shares(MixMode::kPair);
  CHECK((pair[0] == pair[3] && pair[1] == pair[2] && pair[0] != pair[1]));
  const auto elem = shares(MixMode::kElem);
  CHECK(std::set<double>(elem.begin(), elem.end()).size() == 4);
}

TEST_CASE("mix: the middle of an odd batch stays, off means off", "[models]") {
  for (const MixMode mode : {MixMode::kBatch, MixMode::kPair, MixMode::kElem}) {
    const Tensor images = numbered(3, 4, 4, 3);
    const MixedBatch mixed = mix(images, {.mixup = 1, .mode = mode}, 1);
    CHECK(test::same_bits(mixed.images.rows(1, 2), images.rows(1, 2)));
    CHECK(own_share(mixed, 1) == 1);
    CHECK(own_share(mixed, 0) < 1);
  }
  const Tensor images = numbered(4, 4, 4, 3);
  const MixedBatch same = mix(images, {.mixup = 1, .probability = 0}, 1);
  CHECK(test::same_bits(same.images, images));
  CHECK(!Mix{}.active(0));
  CHECK(
      (Mix{.cutmix = 1, .off_epoch = 2}.active(1) && !Mix{.cutmix = 1, .off_epoch = 2}.active(2)));
}

TEST_CASE("mix: probabilities are kept, mixup and cutmix take turns", "[models]") {
  const Tensor images = numbered(2, 8, 8, 1);
  const Mix options{.mixup = 1, .cutmix = 1, .probability = 0.8, .cutmix_probability = 0.25};
  int same = 0, blended = 0, cut = 0;
  const int runs = 4000;
  for (int i = 0; i < runs; ++i) {
    const MixedBatch mixed = mix(images, options, static_cast<uint64_t>(i));
    const double share = own_share(mixed, 0);
    bool between = false;
    for (int64_t k = 0; k < 64; ++k) {
      const float value = mixed.images.data()[k] - static_cast<float>(k);
      between = between || (value > 0.01F && value < 999.99F);
    }
    ++(share == 1 ? same : between ? blended : cut);
  }
  CHECK(std::abs(blended - 0.8 * 0.75 * runs) < 160);  // 5 standard deviations
  CHECK(std::abs(cut + same - (0.2 + 0.8 * 0.25) * runs) < 160);
  CHECK(cut > 500);
}

TEST_CASE("mix: the same for any number of threads", "[models][threads]") {
  const Tensor images = numbered(33, 9, 7, 3);
  const int before = threads();
  std::vector<Tensor> results;
  for (const int n : {1, 3}) {
    set_threads(n);
    results.push_back(mix(images, {.mixup = 0.8, .mode = MixMode::kElem}, 2).images);
  }
  set_threads(before);
  CHECK(test::same_bits(results[0], results[1]));
}

TEST_CASE("mix: impossible labels are refused", "[models][errors]") {
  const Tensor images = numbered(2, 4, 4, 1);
  Random random(1, RandomPlace::kTest);
  const std::vector<int32_t> wrong = {0, 5};
  CHECK_THROWS_AS(mix_batch(images, wrong, kClasses, {.mixup = 1}, random), UsageError);
  CHECK_THROWS_AS(mix_batch(images, std::span(wrong).first(1), kClasses, {}, random), ShapeError);
}

}  // namespace
}  // namespace vitrine
