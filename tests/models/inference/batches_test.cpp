// Pictures become batches, whatever fails among them; a network's answer does not depend on them.

#include "models/inference/batches.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "core/error.hpp"
#include "models/networks/network.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

/// Pictures of noise, some of which cannot be read.
class Noise : public PictureSource {
 public:
  Noise(int64_t size, std::set<int64_t> bad) : size_(size), bad_(std::move(bad)) {}

  int64_t size() const override { return size_; }
  ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const override {
    CHECK((channels == 3 && exif == Exif::kAsStored));
    if (bad_.contains(i)) throw IoError("picture " + std::to_string(i), "cannot be read");
    Random random(1, RandomPlace::kTest, static_cast<uint64_t>(i));
    storage = {40 + i, 60 - i, 3, {}};
    storage.pixels.resize(static_cast<size_t>(3 * storage.width * storage.height));
    for (uint8_t& v : storage.pixels) v = static_cast<uint8_t>(random.below(256));
    return storage;
  }

 private:
  int64_t size_;
  std::set<int64_t> bad_;
};

Preprocess rule_of(int64_t side) {
  Preprocess rule;
  rule.height = rule.width = side;
  rule.exif = Exif::kAsStored;
  return rule;
}

Tensor alone(const PictureSource& pictures, int64_t i, const Preprocess& rule) {
  Image storage;
  return preprocess(pictures.picture(i, rule.channels, rule.exif, storage), rule);
}

TEST_CASE("batches: pictures that cannot be read are told, the others move together",
          "[models][errors]") {
  const Preprocess rule = rule_of(16);
  const Noise pictures(2 * kBatch + 3, {0, 5, kBatch - 1, 2 * kBatch, 2 * kBatch + 1});
  std::vector<int64_t> read;
  int64_t seen = 0;
  for_each_batch(pictures, rule, [&](const PreparedPictures& batch) {
    CHECK(batch.first == seen);
    int64_t row = 0;
    for (const std::exception_ptr& failure : batch.failures) {
      if (failure == nullptr) {
        const Tensor x = batch.images.rows(row, row + 1);
        CHECK(test::same_bits(x, alone(pictures, seen, rule)));
        read.push_back(seen);
        ++row;
      }
      ++seen;
    }
    CHECK(batch.images.dim(0) == row);
  });
  CHECK(seen == pictures.size());
  CHECK(read.size() == 2 * kBatch + 3 - 5);

  const Noise bad(3, {1, 2});
  CHECK_THROWS_WITH(prepare_pictures(bad, rule, 0, 3).rethrow(), Catch::Contains("picture 1"));
  CHECK_NOTHROW(prepare_pictures(bad, rule, 0, 1).rethrow());
  CHECK_FALSE(prepare_pictures(bad, rule, 1, 2).images.defined());
}

TEST_CASE("batches: a network says the same bits of a picture in any batch", "[models]") {
  const std::string config = GENERATE(
      as<std::string>(), "vit_d48_l2_h3_patch8_32_c7",
      R"({"kind": "resnet", "block": "bottleneck", "layers": [2, 1], "channels": [8, 12],
          "img_size": 32, "num_classes": 7})",
      R"({"kind": "resnetv2", "layers": [2, 1], "channels": [16, 32], "stem_chs": 16, "groups": 4,
          "img_size": 32, "num_classes": 7})");
  INFO(config);
  const auto network =
      (config.front() == '{' ? parse_network_config(config) : network_config(config))->build();
  network->initialize(3);
  network->visit([](const std::string& name, Parameter& p, Role role) {
    if (name.ends_with("head.weight")) p.value = test::random_tensor(p.value.shape(), 1);
    if (role == Role::kToken) p.value = test::random_tensor(p.value.shape(), 2);
  });
  network->freeze();
  const Preprocess rule = rule_of(32);
  const Noise pictures(kBatch, {});
  const auto answers_of = [&](int64_t first, int64_t count) {
    return (*network)(prepare_pictures(pictures, rule, first, count).images);
  };
  const Tensor all = answers_of(0, kBatch);
  REQUIRE_FALSE(test::same_bits(all.rows(0, 1), all.rows(1, 2)));
  for (int64_t count = 1; count < kBatch; ++count) {
    const int64_t first = kBatch - count;
    CHECK(test::same_bits(answers_of(first, count), all.rows(first, kBatch)));
  }
}

}  // namespace
}  // namespace vitrine
