// Training: accumulation, masks, state, memory; schedule; evaluation; checkpoints.
// Not here: PyTorch's trajectories (golden_check train), whole runs (tests/program).

#include "models/training/training.hpp"
#include "core/text/json_text.hpp"
#include "models/training/training_state.hpp"
#include "tests/models/training/state_tensors.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <map>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "models/inference/evaluate.hpp"
#include "models/networks/vit.hpp"
#include "models/training/schedule.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "ops/softmax.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

constexpr std::array<int32_t, 6> kLabels = {1, 4, 6, 0, 2, 3};

Vit small_vit(double drop = 0) {
  VitConfig c = vit_config("vit_d32_l2_h2_patch4_16_c7");
  c.drop_path = c.projection_dropout = c.position_dropout = c.head_dropout = drop;
  Vit vit(c);
  vit.initialize(2);
  return vit;
}

Tensor small_images() { return test::random_tensor({6, 16, 16, 3}, 3); }

std::vector<float> all_values(Network& vit) {
  std::vector<float> all;
  vit.visit([&](const std::string&, Parameter& p, Role) {
    all.insert(all.end(), p.value.values().begin(), p.value.values().end());
  });
  return all;
}

std::vector<float> train(Vit vit, const UpdateOptions& options, int steps) {
  Training training(vit, options);
  const Tensor images = small_images();
  const int64_t micro = 6 / options.accumulate;
  for (int s = 0; s < steps; ++s) {
    for (int64_t i = 0; i < options.accumulate; ++i) {
      training.add_gradients(
          images.rows(i * micro, (i + 1) * micro),
          std::span(kLabels).subspan(static_cast<size_t>(i * micro), static_cast<size_t>(micro)));
    }
    training.update(1e-3);
  }
  return all_values(vit);
}

TEST_CASE("training: it learns six images by heart", "[models]") {
  Vit vit = small_vit();
  UpdateOptions options;
  options.loss = GENERATE(LossKind::kSoftmax, LossKind::kBce, LossKind::kBceSum);
  Training training(vit, options);
  const Tensor images = small_images();
  BatchResult result;
  // Questions with two answers each begin with most of the answers right, and small gradients.
  const int steps = options.loss == LossKind::kSoftmax ? 60 : 250;
  for (int s = 0; s < steps; ++s) {
    result = training.add_gradients(images, kLabels);
    training.update(3e-3);
  }
  CHECK(result.correct == 6);
  CHECK(result.loss < 0.1);
}

TEST_CASE("training: the loss is the one that was asked for", "[models]") {
  const auto loss = [](LossKind kind) {
    Vit vit = small_vit();
    UpdateOptions options;
    options.loss = kind;
    Training training(vit, options);
    return training.add_gradients(small_images(), kLabels).loss;
  };
  // Before training the logits are small: each class is a question with two answers.
  CHECK(loss(LossKind::kSoftmax) == Approx(std::log(7)).epsilon(0.2));
  CHECK(loss(LossKind::kBce) == Approx(std::log(2)).epsilon(0.2));
  CHECK(loss(LossKind::kBceSum) == Approx(7 * loss(LossKind::kBce)).epsilon(1e-6));
}

TEST_CASE("training: micro batches add up to the large batch", "[models]") {
  // SGD: AdamW divides a gradient by its own size, which turns the rounding error of a gradient
  // that is 0 in truth (the key's bias) into a full step.
  UpdateOptions options;
  options.optimizer = OptimizerKind::kSgd;
  options.clip_norm = 1;
  const auto whole = train(small_vit(), options, 4);
  for (const int64_t k : {2, 3, 6}) {
    options.accumulate = k;
    CHECK(test::max_error(train(small_vit(), options, 4), whole) < 1e-6);
  }
}

TEST_CASE("training: masks are a function of seed and step, not of threads", "[models][threads]") {
  UpdateOptions options;
  options.accumulate = 2;
  options.seed = 5;
  set_threads(1);
  const auto one = train(small_vit(0.3), options, 3);
  set_threads(3);
  CHECK(train(small_vit(0.3), options, 3) == one);
  set_threads(0);
  options.seed = 6;
  CHECK(train(small_vit(0.3), options, 3) != one);
}

TEST_CASE("training: the second step allocates nothing new", "[models][memory]") {
  for (const int n : {1, 3}) {
    set_threads(n);
    Vit vit = small_vit(0.1);
    UpdateOptions options;
    options.clip_norm = 1;
    options.ema = 0.9;
    options.accumulate = 2;
    Training training(vit, options);
    const Tensor images = small_images();
    const auto step = [&] {
      training.add_gradients(images, kLabels);
      training.add_gradients(images, kLabels);
      training.update(1e-3);
    };
    step();
    const int64_t blocks = memory_stats().new_blocks;
    for (int i = 0; i < 4; ++i) step();
    CHECK(memory_stats().new_blocks == blocks);
  }
  set_threads(0);
}

TEST_CASE("training: a model file and a training state come back bit for bit", "[models]") {
  const test::TempDir folder;
  const std::string path = folder.path() + "/model.safetensors";
  UpdateOptions options;
  options.ema = 0.9;
  options.optimizer = GENERATE(OptimizerKind::kAdamW, OptimizerKind::kSgd);
  Model model{std::make_unique<Vit>(small_vit()), {}, {"a", "b", "c", "d", "e", "f", "g"}};
  model.preprocess.height = model.preprocess.width = 16;
  Training training(*model.network, options);
  const Tensor images = small_images();
  const auto step = [&](Training& t) {
    t.add_gradients(images, kLabels);
    t.update(1e-3);
  };
  step(training);
  step(training);
  std::vector<NamedTensor> tensors = model_tensors(model);
  for (const NamedTensor& t : state_tensors(training)) tensors.push_back(t);
  write_safetensors(path, tensors, model_metadata(model));
  step(training);

  Model loaded = load_model(path);
  CHECK(loaded.labels == model.labels);
  CHECK(loaded.preprocess == model.preprocess);
  Training resumed(*loaded.network, options);
  restore_state(resumed, TensorArchive(path), 2);
  step(resumed);
  CHECK(all_values(*loaded.network) == all_values(*model.network));
  resumed.swap_average();
  training.swap_average();
  CHECK(all_values(*loaded.network) == all_values(*model.network));
}

TEST_CASE("checkpoint: a file that does not fit is refused before it is used", "[models][errors]") {
  const test::TempDir folder;
  const std::string path = folder.path() + "/model.safetensors";
  Model model{std::make_unique<Vit>(small_vit()), {.height = 16, .width = 16}, {}};
  const auto write = [&](auto change) {
    std::vector<NamedTensor> tensors = model_tensors(model);
    Metadata metadata = model_metadata(model);
    change(tensors, metadata);
    write_safetensors(path, tensors, metadata);
  };
  const auto kind = [&] {
    try {
      load_model(path);
    } catch (const FormatError& e) {
      return std::string(format_kind_name(e.kind()));
    }
    return std::string("loaded");
  };
  write([](auto&, auto&) {});
  CHECK(kind() == "loaded");
  write([](auto& tensors, auto&) { tensors.pop_back(); });
  CHECK(kind() == "mismatch");
  write([](auto& tensors, auto&) { tensors.push_back({"extra", tensors.front().tensor}); });
  CHECK(kind() == "mismatch");
  write([](auto&, auto& metadata) { metadata.erase("vitrine.config"); });
  CHECK(kind() == "mismatch");
  write([](auto&, auto& metadata) { metadata["vitrine.format"] = "99"; });
  CHECK(kind() == "unsupported");
  write([](auto&, auto& metadata) { metadata["vitrine.format"] = "one"; });
  CHECK(kind() == "bad_header");
  for (const auto& [height, channels] : {std::pair(17, 3), std::pair(16, 1)}) {
    write([h = height, c = channels](auto&, auto& metadata) {
      Preprocess other{.height = h, .width = 16, .channels = c};
      other.mean.resize(static_cast<size_t>(c));
      other.stddev.resize(static_cast<size_t>(c));
      metadata["vitrine.preprocess"] = write_json(other.to_json());
    });
    CHECK(kind() == "mismatch");
  }
  write([](auto& tensors, auto&) {
    tensors.front().tensor.shape.insert(tensors.front().tensor.shape.begin(), 7, 1);
  });
  CHECK(kind() == "mismatch");
  write([](auto&, auto& metadata) { metadata["vitrine.labels"] = "[\"only one\"]"; });
  CHECK(kind() == "mismatch");
  write([&](auto&, auto& metadata) {
    VitConfig huge = as_vit(*model.network).config;  // terabytes, if it were believed
    huge.width = 16384;
    huge.depth = 1000;
    metadata["vitrine.config"] = write_json(huge.to_json());
  });
  CHECK(kind() == "mismatch");
  CHECK_THROWS_AS(load_model(folder.path() + "/nothing.safetensors"), IoError);
}

TEST_CASE("schedule: warm-up, cosine, end", "[models]") {
  const Schedule s{.decay = Decay::kCosine,
                   .lr = 1,
                   .warmup_lr = 0.1,
                   .min_lr = 0.01,
                   .warmup_steps = 4,
                   .total_steps = 20};
  CHECK(learning_rate(s, 0) == Approx(0.1));
  CHECK(learning_rate(s, 2) == Approx(0.55));
  CHECK(learning_rate(s, 10) == Approx(0.01 + 0.99 / 2));
  CHECK(learning_rate(s, 20) == Approx(0.01));
  CHECK(learning_rate(s, 25) == Approx(0.01));
  CHECK(learning_rate({.lr = 0.5}, 1000) == 0.5);

  const Schedule linear{.decay = Decay::kLinear, .lr = 1, .min_lr = 0.2, .total_steps = 20};
  CHECK(learning_rate(linear, 5) == Approx(0.8));
  CHECK(learning_rate(linear, 30) == Approx(0.2));
  const Schedule falls{
      .decay = Decay::kStep, .lr = 1, .min_lr = 0.005, .decay_steps = 10, .decay_rate = 0.1};
  CHECK(learning_rate(falls, 9) == 1);
  CHECK(learning_rate(falls, 10) == Approx(0.1));
  CHECK(learning_rate(falls, 29) == Approx(0.01));
  CHECK(learning_rate(falls, 1000) == 0.005);
}

TEST_CASE("training: layer-wise decay and frozen parameters", "[models]") {
  const Vit two_blocks = small_vit();
  CHECK(two_blocks.layer_of("cls_token") == 0);
  CHECK(two_blocks.layer_of("pos_embed") == 0);
  CHECK(two_blocks.layer_of("patch_embed.proj.weight") == 0);
  CHECK(two_blocks.layer_of("blocks.0.norm1.weight") == 1);
  CHECK(Vit(vit_config("vit_d32_l12_h2_patch4_16_c7")).layer_of("blocks.11.mlp.fc1.bias") == 12);
  CHECK(two_blocks.layer_of("norm.weight") == 3);
  CHECK(two_blocks.layer_of("head.bias") == 3);
  CHECK(layer_scale_of(two_blocks, "pos_embed", 0.5) == 0.125);
  CHECK(layer_scale_of(two_blocks, "head.weight", 0.5) == 1);

  // One step of plain SGD moves a parameter by its learning rate times its gradient.
  const auto moves = [](const UpdateOptions& options) {
    Vit vit = small_vit();
    std::map<std::string, std::vector<float>> before;
    vit.visit([&](const std::string& name, Parameter& p, Role) {
      before[name] = {p.value.values().begin(), p.value.values().end()};
    });
    Training training(vit, options);
    training.add_gradients(small_images(), kLabels);
    training.update(0.1);
    std::map<std::string, double> distance;
    vit.visit([&](const std::string& name, Parameter& p, Role) {
      for (size_t i = 0; i < before[name].size(); ++i) {
        distance[name] += std::abs(static_cast<double>(p.value.values()[i] - before[name][i]));
      }
    });
    return distance;
  };
  UpdateOptions options;
  options.optimizer = OptimizerKind::kSgd;
  options.momentum = 0;
  options.weight_decay = 0;
  const auto all = moves(options);
  options.layer_decay = 0.5;
  for (const auto& [name, distance] : moves(options)) {
    INFO(name);
    CHECK(distance == Approx(all.at(name) * layer_scale_of(two_blocks, name, 0.5)).epsilon(1e-2));
  }
  options.layer_decay = 1;
  options.freeze = {"patch_embed.*", "blocks.0.*"};
  for (const auto& [name, distance] : moves(options)) {
    INFO(name);
    const bool frozen = name.starts_with("patch_embed.") || name.starts_with("blocks.0.");
    CHECK((distance == 0) == frozen);
  }
  Vit vit = small_vit();
  options.freeze = {"blocks.7.*"};
  CHECK_THROWS_AS(Training(vit, options), UsageError);
  options.freeze = {"*"};
  CHECK_THROWS_AS(Training(vit, options), UsageError);
}

TEST_CASE("training: the average's decay with and without warm-up", "[models]") {
  UpdateOptions options;
  options.ema = 0.9;
  CHECK(ema_decay_at(options, 1) == 0.9);
  options.ema_warmup = true;
  CHECK(ema_decay_at(options, 1) == 0);
  CHECK(ema_decay_at(options, 8) == Approx(0.75));
  CHECK(ema_decay_at(options, 1000) == 0.9);
}

TEST_CASE("evaluate: hits, ties and values that are no numbers", "[models]") {
  Evaluation e;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {1,   5,   2,   0,   0,   0,   0,  // 1
                                     3,   3,   3,   3,   3,   3,   3,  // all equal: 0
                                     nan, nan, nan, nan, nan, nan, nan};
  const std::vector<int32_t> labels = {1, 1, 0};
  e.add(Tensor::from(logits, {3, 7}), labels, std::vector<int64_t>{10, 11, 12});
  CHECK(e.images == 3);
  CHECK(e.top1 == 1);
  CHECK(e.top5 == 2);
  CHECK(e.confusion[1 * 7 + 1] == 1);
  CHECK(e.confusion[1 * 7 + 0] == 1);
}

TEST_CASE("evaluate: the worst mistakes, worst first, whatever the batches", "[models]") {
  constexpr int64_t kPictures = 90;
  const Tensor logits = test::random_tensor({kPictures, 4}, 6, 2.0);
  const std::vector<int32_t> predicted = predictions(logits);
  std::vector<int32_t> labels(kPictures);
  std::vector<int64_t> indices(kPictures);
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<int32_t>(i % 4);
    indices[i] = 1000 - static_cast<int64_t>(i);
  }
  const auto evaluated = [&](int64_t batch) {
    Evaluation e;
    for (int64_t i = 0; i < kPictures; i += batch) {
      const auto at = static_cast<size_t>(i);
      const auto n = static_cast<size_t>(batch);
      e.add(logits.rows(i, i + batch), std::span(labels).subspan(at, n),
            std::span(indices).subspan(at, n));
    }
    return e;
  };
  const Evaluation whole = evaluated(kPictures);
  REQUIRE(kPictures - whole.top1 > static_cast<int64_t>(kWorstMistakes));
  REQUIRE(whole.mistakes.size() == kWorstMistakes);
  const Tensor probabilities = softmax(logits, -1);
  int64_t worse = 0;  // mistakes with a higher loss than the last one that was kept
  for (int64_t i = 0; i < kPictures; ++i) {
    const auto at = static_cast<size_t>(i);
    const double loss = -std::log(double{probabilities.data()[i * 4 + labels[at]]});
    if (predicted[at] != labels[at] && loss > whole.mistakes.back().loss + 1e-5) ++worse;
  }
  CHECK(worse == static_cast<int64_t>(kWorstMistakes) - 1);
  for (size_t i = 0; i < kWorstMistakes; ++i) {
    const Mistake& m = whole.mistakes[i];
    const int64_t row = 1000 - m.index;
    CHECK((i == 0 || m.loss <= whole.mistakes[i - 1].loss));
    CHECK(m.label == labels[static_cast<size_t>(row)]);
    CHECK(m.predicted == predicted[static_cast<size_t>(row)]);
    CHECK(m.predicted != m.label);
    CHECK(m.probability == Approx(probabilities.data()[row * 4 + m.predicted]).epsilon(1e-5));
    CHECK(m.loss == Approx(-std::log(probabilities.data()[row * 4 + m.label])).epsilon(1e-4));
    CHECK(evaluated(15).mistakes[i].index == m.index);
  }

  Evaluation odd;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  odd.add(Tensor::from(std::vector<float>{nan, nan, 9, 0, 5, 5}, {3, 2}),
          std::vector<int32_t>{1, 1, 1}, std::vector<int64_t>{4, 5, 6});
  REQUIRE(odd.mistakes.size() == 3);
  CHECK(odd.mistakes[0].index == 4);  // no number is the worst
  CHECK(odd.mistakes[1].index == 5);
  CHECK(odd.mistakes[2].probability == Approx(0.5));
}

}  // namespace
}  // namespace vitrine
