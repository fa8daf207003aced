// Loader: what comes out does not depend on the number of workers, on how far they run ahead, or on
// where the epoch was started; nothing is allocated after the first epoch; errors reach the caller.

#include "models/data/loader.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>
#include <span>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "models/data/memory_dataset.hpp"
#include "ops/normalize.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 12;

std::shared_ptr<const Dataset> pictures(int64_t n) {
  Random random(1, RandomPlace::kTest, 21);
  std::vector<uint8_t> pixels(static_cast<size_t>(n * kSide * kSide));
  for (uint8_t& v : pixels) v = static_cast<uint8_t>(random.below(256));
  std::vector<int32_t> labels(static_cast<size_t>(n));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 10);
  const std::vector<std::string> names(10, "class");
  return std::make_shared<const MemoryDataset>(std::move(pixels), kSide, kSide, 1,
                                               std::move(labels), names);
}

LoaderOptions training(int workers) {
  LoaderOptions o;
  o.batch = 16;
  o.workers = workers;
  o.seed = 9;
  o.preprocess.height = o.preprocess.width = kSide;
  o.preprocess.channels = 1;
  o.preprocess.crop_pct = 1;
  o.preprocess.mean = {0.3};
  o.preprocess.stddev = {0.4};
  o.augment = Augment{};
  o.augment->shift = 2;
  o.augment->flip = 0.5;
  o.augment->erase = 0.5;
  return o;
}

struct Copy {
  Tensor images;
  std::vector<int32_t> labels;
  std::vector<int64_t> indices;
};

std::vector<Copy> rest_of(Loader& loader) {
  std::vector<Copy> copies;
  while (const Batch* b = loader.next()) {
    copies.push_back({b->images.clone(), b->labels, b->indices});
  }
  return copies;
}

std::vector<Copy> epoch_of(Loader& loader, int64_t epoch, int64_t first = 0) {
  loader.start(epoch, first);
  return rest_of(loader);
}

bool same(const std::vector<Copy>& a, const std::vector<Copy>& b) {
  return std::ranges::equal(a, b, [](const Copy& x, const Copy& y) {
    return test::same_bits(x.images, y.images) && x.labels == y.labels && x.indices == y.indices;
  });
}

TEST_CASE("loader: shards come one after the other, each of all batches of an update", "[models]") {
  const std::shared_ptr<const Dataset> data = pictures(16 * 5 + 3);
  Loader whole(data, training(2));
  const std::vector<Copy> batches = epoch_of(whole, 1);
  LoaderOptions o = training(2);
  o.share = {.shards = 4, .begin = 1, .end = 3, .together = 2};
  Loader loader(data, o);
  CHECK(loader.batches() == 8);  // two updates of two shards of two batches
  CHECK(loader.samples() == 32);
  const std::vector<Copy> parts = epoch_of(loader, 1);
  REQUIRE(parts.size() == 8);
  size_t next = 0;
  for (const size_t update : {0, 1}) {
    for (const int64_t shard : {1, 2}) {
      for (const size_t batch : {2 * update, 2 * update + 1}) {
        const Copy& part = parts[next++];
        CHECK(test::same_bits(part.images,
                              batches[batch].images.rows(4 * shard, 4 * shard + 4).clone()));
        CHECK(std::ranges::equal(
            part.indices,
            std::span(batches[batch].indices).subspan(static_cast<size_t>(4 * shard), 4)));
      }
    }
  }
  CHECK(same(epoch_of(loader, 1, 5), {parts.begin() + 5, parts.end()}));
  o.share.shards = 5;
  CHECK_THROWS_AS(Loader(data, o), UsageError);
}

TEST_CASE("loader: repeated augmentation shows the first of the order, each in several views",
          "[models]") {
  LoaderOptions o = training(GENERATE(0, 2));
  const auto data = pictures(100);
  Loader once(data, o);
  o.repeats = 3;
  Loader thrice(data, o);
  CHECK(thrice.samples() == once.samples());
  once.start(4);
  thrice.start(4);
  std::vector<int64_t> order;
  for (const Copy& batch : rest_of(once)) {
    order.insert(order.end(), batch.indices.begin(), batch.indices.end());
  }
  const auto batches = rest_of(thrice);
  int64_t place = 0;
  int different = 0;
  for (const Copy& batch : batches) {
    for (int64_t i = 0; i < o.batch; ++i, ++place) {
      CHECK(batch.indices[static_cast<size_t>(i)] == order[static_cast<size_t>(place / 3)]);
      if (i > 0 && place % 3 > 0) {
        different +=
            int{!test::same_bits(batch.images.rows(i - 1, i), batch.images.rows(i, i + 1))};
      }
    }
  }
  CHECK(different > 50);  // of 60
  // Begun in the middle, the same.
  thrice.start(4, 2);
  const auto rest = rest_of(thrice);
  CHECK(test::same_bits(rest[0].images, batches[2].images));
  o.repeats = 0;
  CHECK_THROWS_AS(Loader(data, o), UsageError);
}

TEST_CASE("loader: the same batches for any number of workers", "[models][threads]") {
  const auto data = pictures(203);
  Loader plain(data, training(0));
  const auto want = epoch_of(plain, 3);
  CHECK(want.size() == 12);  // 203 / 16, the rest dropped
  CHECK(plain.batches() == 12);
  CHECK(plain.samples() == 192);
  for (const int workers : {1, 2, 3}) {
    for (const int64_t ahead : {1, 3, 40}) {
      LoaderOptions o = training(workers);
      o.ahead = ahead;
      Loader loader(data, o);
      CHECK(same(epoch_of(loader, 3), want));
      CHECK_FALSE(same(epoch_of(loader, 4), want));
      CHECK(same(epoch_of(loader, 3), want));
    }
  }
  set_threads(3);
  CHECK(same(epoch_of(plain, 3), want));
  set_threads(0);
}

TEST_CASE("loader: an epoch is a permutation, a function of seed and epoch", "[models]") {
  LoaderOptions o = training(1);
  o.drop_last = false;
  Loader loader(pictures(203), o);
  const auto order = [&](int64_t epoch) {
    std::vector<int64_t> all;
    for (const Copy& c : epoch_of(loader, epoch)) {
      all.insert(all.end(), c.indices.begin(), c.indices.end());
    }
    return all;
  };
  const auto first = order(0);
  CHECK(first == shuffled(203, 9, 0));
  CHECK(first != order(1));
  CHECK(first != shuffled(203, 10, 0));
  auto sorted = first;
  std::ranges::sort(sorted);
  std::vector<int64_t> want(203);
  std::iota(want.begin(), want.end(), int64_t{0});
  CHECK(sorted == want);
  CHECK(sorted != first);
}

TEST_CASE("loader: starting in the middle", "[models]") {
  const auto data = pictures(150);
  Loader whole(data, training(2));
  const auto want = epoch_of(whole, 5);
  for (const int workers : {0, 2}) {
    Loader loader(data, training(workers));
    for (const int64_t first : {0, 1, 4, 8, 9}) {
      const auto part = epoch_of(loader, 5, first);
      CHECK(same(part, {want.begin() + first, want.end()}));
    }
    // Leaving an epoch in the middle, with work under way.
    for (int i = 0; i < 20; ++i) {
      loader.start(5, 2);
      CHECK(test::same_bits(loader.next()->images, want[2].images));
    }
    CHECK(same(rest_of(loader), {want.begin() + 3, want.end()}));
    CHECK(loader.next() == nullptr);
    CHECK(loader.next() == nullptr);
  }
}

TEST_CASE("loader: for evaluation every picture comes once, in order, unvaried", "[models]") {
  const auto data = pictures(50);
  LoaderOptions o = training(2);
  o.shuffle = false;
  o.drop_last = false;
  o.augment.reset();
  const std::vector<int64_t> picked = {7,  3,  49, 0,  12, 13, 14, 15, 16,
                                       17, 18, 19, 20, 21, 22, 23, 24, 25};
  Loader loader(data, picked, o);
  CHECK(loader.batches() == 2);
  CHECK(loader.samples() == 18);
  const auto batches = epoch_of(loader, 0);
  REQUIRE(batches.size() == 2);
  CHECK(batches[0].images.shape() == Shape{16, kSide, kSide, 1});
  CHECK(batches[1].images.shape() == Shape{2, kSide, kSide, 1});
  CHECK(batches[1].indices == std::vector<int64_t>{24, 25});
  CHECK(batches[0].labels[2] == 9);
  Image storage;
  const ImageView picture = data->picture(49, 1, Exif::kUpright, storage);
  const std::span<const uint8_t> pixels(picture.pixels, kSide * kSide);
  const Tensor want = normalize_u8(pixels, {1, kSide, kSide, 1}, std::vector<float>{0.3F},
                                   std::vector<float>{0.4F});
  CHECK(test::same_bits(batches[0].images.rows(2, 3), want));
  // Nothing to do is legal.
  Loader none(data, std::vector<int64_t>{}, o);
  CHECK(none.batches() == 0);
  CHECK(epoch_of(none, 0).empty());
}

TEST_CASE("loader: no new memory after the constructor", "[models][memory]") {
  const int workers = GENERATE(0, 3);
  LoaderOptions o = training(workers);
  o.drop_last = false;
  Loader loader(pictures(203), o);
  const int64_t before = memory_stats().new_blocks;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    loader.start(epoch);
    while (loader.next() != nullptr) {
    }
  }
  CHECK(memory_stats().new_blocks == before);
}

TEST_CASE("loader: a batch whose tensor is kept stays as it is", "[models]") {
  Loader loader(pictures(203), training(2));
  const auto want = epoch_of(loader, 0);
  loader.start(0);
  std::vector<Tensor> kept;
  while (const Batch* b = loader.next()) kept.push_back(b->images);
  REQUIRE(kept.size() == want.size());
  for (size_t i = 0; i < kept.size(); ++i) CHECK(test::same_bits(kept[i], want[i].images));
}

TEST_CASE("loader: decoding, preparing and waiting are timed apart", "[models]") {
  const int workers = GENERATE(0, 2);
  Loader in_memory(pictures(203), training(workers));
  CHECK(in_memory.times().preparing == 0);
  epoch_of(in_memory, 0);
  CHECK(in_memory.times().decoding == 0);
  CHECK(in_memory.times().preparing > 0);
  CHECK(in_memory.times().waiting > 0);
  in_memory.start(1, in_memory.batches());
  CHECK(in_memory.times().preparing == 0);
  CHECK(in_memory.times().waiting == 0);

  const test::TempDir dir;
  std::filesystem::create_directories(dir.file("train/cat"));
  std::filesystem::create_directories(dir.file("test"));
  write_png(dir.file("train/cat/a.png"), {300, 200, 3, std::vector<uint8_t>(180000, 7)});
  LoaderOptions o = training(workers);
  o.batch = 1;
  Loader files(open_dataset("folder:" + dir.path(), Split::kTrain), o);
  epoch_of(files, 0);
  CHECK(files.times().decoding > 1e-5);
  CHECK(files.times().preparing > 0);
}

TEST_CASE("loader: a picture that cannot be read", "[models][errors]") {
  const test::TempDir dir;
  std::filesystem::create_directories(dir.file("train/cat"));
  std::filesystem::create_directories(dir.file("test/cat"));
  dir.add("test/cat/0.png", "not read here");
  for (int i = 0; i < 8; ++i) {
    Image image{20, 10, 3, std::vector<uint8_t>(600, static_cast<uint8_t>(i))};
    write_png(dir.file("train/cat/" + std::to_string(i) + ".png"), image);
  }
  dir.add("train/cat/5.png", "this is text");
  const auto data = open_dataset("folder:" + dir.path(), Split::kTrain);
  for (const int workers : {0, 1, 3}) {
    LoaderOptions o = training(workers);
    o.batch = 2;
    o.shuffle = false;
    Loader loader(data, o);
    loader.start(0);
    REQUIRE(loader.next() != nullptr);
    REQUIRE(loader.next() != nullptr);
    for (int again = 0; again < 2; ++again) {
      CHECK_THROWS_WITH(loader.next(), Catch::Contains("cat/5.png"));
    }
    loader.start(0, 3);  // the batch behind it is well
    const Batch* last = loader.next();
    REQUIRE(last != nullptr);
    CHECK(last->indices == std::vector<int64_t>{6, 7});
    loader.start(0);
  }  // destroyed with work under way
}

TEST_CASE("loader: options that are impossible", "[models][errors]") {
  const auto data = pictures(20);
  const auto refuse = [&](const std::function<void(LoaderOptions&)>& change) {
    LoaderOptions o = training(1);
    change(o);
    CHECK_THROWS_AS(Loader(data, o), UsageError);
  };
  refuse([](LoaderOptions& o) { o.batch = 0; });
  refuse([](LoaderOptions& o) { o.workers = -1; });
  refuse([](LoaderOptions& o) { o.ahead = 0; });
  refuse([](LoaderOptions& o) { o.preprocess.mean.clear(); });
  refuse([](LoaderOptions& o) { o.augment->flip = 2; });
  CHECK_THROWS_AS(Loader(data, {20}, training(1)), UsageError);
  CHECK_THROWS_AS(Loader(data, {-1}, training(1)), UsageError);
  Loader loader(data, training(1));
  CHECK(loader.next() == nullptr);  // not started
  CHECK_THROWS_AS(loader.start(0, 2), ShapeError);
  CHECK_THROWS_AS(loader.start(-1), ShapeError);
}

}  // namespace
}  // namespace vitrine
