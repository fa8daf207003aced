// Ranks: the shard tree, slices, and training by 1 to 8 ranks, which are threads here: the same
// bits. Not here: processes and MPI (tests/program/test_mpi.py).

#include <catch2/catch.hpp>

#include <algorithm>
#include <mutex>

#include "models/networks/network.hpp"
#include "models/training/slices.hpp"
#include "models/training/training.hpp"
#include "ops/optimizers/clip_grad_norm.hpp"
#include "tests/models/training/thread_group.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

TEST_CASE("shard tree: ranks own neighbours, whole subtrees where they can", "[models]") {
  using Nodes = std::vector<ShardRange>;
  CHECK(nodes_of({0, 8}) == Nodes{{0, 8}});
  CHECK(nodes_of({4, 6}) == Nodes{{4, 6}});
  CHECK(nodes_of({3, 6}) == Nodes{{3, 4}, {4, 6}});
  CHECK(nodes_of({1, 4}) == Nodes{{1, 2}, {2, 4}});
  CHECK(shards_of(0, 3, 8) == ShardRange{0, 3});
  CHECK(shards_of(2, 3, 8) == ShardRange{6, 8});
  CHECK_THROWS_AS(shards_of(0, 9, 8), UsageError);
  for (const int ranks : {1, 2, 3, 4, 5, 6, 7, 8, 13, 16}) {
    Nodes all;
    for (int r = 0; r < ranks; ++r) {
      const Nodes own = nodes_of(shards_of(r, ranks, 16));
      all.insert(all.end(), own.begin(), own.end());
    }
    CHECK(all.front().begin == 0);
    CHECK(all.back().end == 16);
    CHECK(sums_of(all).size() == all.size() - 1);
  }
}

TEST_CASE("slices: every number has one owner, in whole chunks, and ranks have equal shares",
          "[models]") {
  const std::vector<int64_t> sizes = {7, 3 * kNormChunk + 5, 0, 40 * kNormChunk, 1};
  const int ranks = GENERATE(2, 3, 8);
  std::vector<int64_t> covered(sizes.size());
  std::vector<int64_t> owned(static_cast<size_t>(ranks));
  for (const Slice& s : slices_of(sizes, ranks)) {
    CHECK(s.begin % kNormChunk == 0);
    CHECK((s.end == sizes[s.parameter] || s.end % kNormChunk == 0));
    covered[s.parameter] += s.floats();
    owned[static_cast<size_t>(s.owner)] += s.floats();
  }
  CHECK(covered == sizes);
  const auto [least, most] = std::ranges::minmax(owned);
  CHECK(most - least <= 4 * kNormChunk);
}

struct Setting {
  const char* network;
  UpdateOptions options;
};

UpdateOptions update_options(OptimizerKind kind, int64_t accumulate) {
  UpdateOptions o;
  o.optimizer = kind;
  o.shards = 8;
  o.accumulate = accumulate;
  o.clip_norm = 0.5;
  o.ema = 0.9;
  o.layer_decay = 0.75;
  o.seed = 4;
  return o;
}

/// Weights after some updates, and what the first rank would write of the state.
std::vector<float> trained(const Setting& setting, Group& group) {
  const auto network = parse_network_config(setting.network)->build();
  network->initialize(2);
  Training training(*network, setting.options, group);
  const int64_t side = network->network_config().image_height;
  const Tensor images = test::random_tensor({16, side, side, 3}, 3);
  const std::vector<int32_t> labels = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0};
  const int64_t accumulate = setting.options.accumulate;
  for (int step = 0; step < 2; ++step) {
    for (int64_t i = 0; i < training.parts(); ++i) {
      const int64_t first = 2 * (training.shards().begin + i / accumulate);
      training.add_gradients(images.rows(first, first + 2),
                             std::span(labels).subspan(static_cast<size_t>(first), 2));
    }
    training.update(1e-2);
  }
  training.swap_average();
  training.swap_average();
  std::vector<float> all;
  const auto add = [&](const Tensor& t) {
    all.insert(all.end(), t.values().begin(), t.values().end());
  };
  network->visit([&](const std::string&, Parameter& p, Role) { add(p.value); });
  const size_t tensors = training.state().size();
  for (size_t i = 0; i < tensors; ++i) {
    const Tensor t = training.state_tensor(i);
    if (group.first()) add(t);
  }
  return all;
}

constexpr const char* kVit =
    R"({"embed_dim": 192, "depth": 1, "num_heads": 3, "patch_size": 4, "num_classes": 5,
        "img_size": 8, "drop_path_rate": 0.1, "proj_drop_rate": 0.1})";
constexpr const char* kResNet =
    R"({"kind": "resnet", "block": "basic", "layers": [1, 1], "channels": [8, 16],
        "num_classes": 5, "img_size": 16})";

TEST_CASE("group: any number of ranks computes the bits of one", "[models]") {
  const std::vector<Setting> settings = {{kVit, update_options(OptimizerKind::kAdamW, 2)},
                                         {kResNet, update_options(OptimizerKind::kSgd, 1)}};
  const Setting& setting = settings[GENERATE(size_t{0}, size_t{1})];
  const std::vector<float> wanted = trained(setting, alone());
  const int ranks = GENERATE(1, 2, 3, 5, 8);
  CAPTURE(ranks);
  test::ThreadGroups groups(ranks);
  std::mutex mutex;
  int compared = 0;
  groups.run([&](Group& group) {
    const std::vector<float> found = trained(setting, group);
    const std::lock_guard lock(mutex);
    const auto n = static_cast<std::ptrdiff_t>(found.size());  // others have no state
    compared += std::equal(found.begin(), found.end(), wanted.begin(), wanted.begin() + n) ? 1 : 0;
    if (group.first()) CHECK(found.size() == wanted.size());
  });
  CHECK(compared == ranks);
}

/// The norm of the gradient of 16 images in so many shards.
double norm_of(const char* text, int64_t shards) {
  const auto network = parse_network_config(text)->build();
  network->initialize(2);
  UpdateOptions options;
  options.shards = shards;
  Training training(*network, options);
  const Tensor images = test::random_tensor({16, 8, 8, 3}, 3);
  const std::vector<int32_t> labels(16, 3);
  const int64_t each = 16 / shards;
  for (int64_t i = 0; i < shards; ++i) {
    training.add_gradients(
        images.rows(i * each, (i + 1) * each),
        std::span(labels).subspan(static_cast<size_t>(i * each), static_cast<size_t>(each)));
  }
  return training.update(0);
}

TEST_CASE("group: shards change a gradient by rounding alone", "[models]") {
  constexpr const char* kPlain =
      R"({"embed_dim": 32, "depth": 1, "num_heads": 2, "patch_size": 4, "num_classes": 5,
          "img_size": 8})";
  const double whole = norm_of(kPlain, 1);
  for (const int64_t shards : {2, 4, 16}) {
    CHECK(norm_of(kPlain, shards) == Approx(whole).epsilon(1e-5));
  }
}

}  // namespace
}  // namespace vitrine
