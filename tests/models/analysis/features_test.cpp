// Features: what is extracted and saved; weighted k-NN against the formula over all pairs; the
// linear probe against what it solves, in double. Sizes cross every block: more than 4096
// training and 256 test rows, widths with and without a tail of 8. Not here: accuracy on real
// pictures (tests/program), the .npy format (npy_write_test).

#include "models/analysis/features.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/vit.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>

#include "core/error.hpp"
#include "core/formats/npy.hpp"
#include "core/formats/safetensors.hpp"
#include "core/parallel.hpp"
#include "models/analysis/linear_probe.hpp"
#include "models/analysis/weighted_knn.hpp"
#include "models/data/memory_dataset.hpp"
#include "models/weights/model.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

/// Normal clouds around one centre per class; the first `train` rows are the training part.
Features clouds(int64_t n, int64_t train, int64_t width, int32_t classes, double noise) {
  Features f;
  const auto centres = test::randoms<double>(classes * width, 1);
  const auto offsets = test::randoms<double>(n * width, 2, noise);
  f.values = Tensor::empty({n, width});
  float* to = f.values.mutable_data();
  for (int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<int32_t>(i * 7 % classes);
    f.labels.push_back(label);
    for (int64_t j = 0; j < width; ++j) {
      to[i * width + j] = static_cast<float>(centres[static_cast<size_t>(label * width + j)] +
                                             offsets[static_cast<size_t>(i * width + j)]);
    }
  }
  for (int32_t c = 0; c < classes; ++c) f.classes.push_back("class " + std::to_string(c));
  f.train = train;
  return f;
}

double cosine(const float* a, const float* b, int64_t n) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (int64_t i = 0; i < n; ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / std::sqrt(aa * bb);
}

/// weighted_knn as its formula has it, over all pairs.
Accuracy knn_by_definition(const FeatureRows& train, const FeatureRows& test, int64_t classes,
                           int64_t k, double temperature) {
  Accuracy accuracy;
  const int64_t width = train.values.dim(1);
  for (size_t i = 0; i < test.labels.size(); ++i) {
    std::vector<std::pair<double, int32_t>> all;
    all.reserve(train.labels.size());
    for (size_t j = 0; j < train.labels.size(); ++j) {
      all.emplace_back(cosine(test.values.data() + static_cast<int64_t>(i) * width,
                              train.values.data() + static_cast<int64_t>(j) * width, width),
                       train.labels[j]);
    }
    std::ranges::stable_sort(all, std::greater<>(), &std::pair<double, int32_t>::first);
    all.resize(static_cast<size_t>(std::min<int64_t>(k, static_cast<int64_t>(all.size()))));
    std::vector<double> votes(static_cast<size_t>(classes));
    for (const auto& [s, label] : all) {
      votes[static_cast<size_t>(label)] += std::exp(s / temperature);
    }
    const double own = votes[static_cast<size_t>(test.labels[i])];
    const auto higher = std::ranges::count_if(votes, [own](double v) { return v > own; });
    accuracy.add(own > 0 ? higher : classes + 5);
  }
  return accuracy;
}

TEST_CASE("weighted k-NN: the formula over all pairs", "[models]") {
  const Features f = clouds(4500, 4200, 13, 9, 1.6);
  for (const int64_t k : {1, 20, 5000}) {
    const Accuracy want = knn_by_definition(train_rows(f), test_rows(f), 9, k, 0.07);
    const Accuracy got = weighted_knn(train_rows(f), test_rows(f), 9, {.k = k});
    CHECK(got.images == 300);
    CHECK(got.top1 == want.top1);
    CHECK(got.top5 == want.top5);
    CHECK(got.top1 > 100);
    CHECK(got.top1 < 300);  // clouds overlap, or the test would say nothing
  }
  // A temperature that would overflow e^(s / temperature).
  const Accuracy nearest = weighted_knn(train_rows(f), test_rows(f), 9, {.k = 1});
  CHECK(weighted_knn(train_rows(f), test_rows(f), 9, {.k = 20, .temperature = 1e-4}).top1 ==
        nearest.top1);
}

TEST_CASE("weighted k-NN: a class without votes is never among the best", "[models]") {
  Features f;
  f.values = Tensor::from(std::vector<float>{1, 0, 0, 1, 1, 0.1F}, {3, 2});
  f.labels = {1, 1, 0};
  f.train = 2;
  const Accuracy got = weighted_knn(train_rows(f), test_rows(f), 2);
  CHECK(got.top1 == 0);
  CHECK(got.top5 == 0);
}

/// The objective that fit_linear_probe minimises.
double loss_of(const LinearProbe& p, const FeatureRows& rows, const std::vector<double>& weight,
               const std::vector<double>& bias) {
  const int64_t width = rows.values.dim(1);
  const auto classes = static_cast<int64_t>(bias.size());
  double loss = 0;
  for (size_t i = 0; i < rows.labels.size(); ++i) {
    const float* x = rows.values.data() + static_cast<int64_t>(i) * width;
    for (int64_t c = 0; c < classes; ++c) {
      double score = bias[static_cast<size_t>(c)];
      for (int64_t j = 0; j < width; ++j) {
        const auto at = static_cast<size_t>(j);
        score += (double{x[j]} - p.mean[at]) / p.deviation[at] *
                 weight[static_cast<size_t>(c * width + j)];
      }
      const double error = score - (rows.labels[i] == c ? 1 : 0);
      loss += error * error;
    }
  }
  loss /= static_cast<double>(rows.labels.size());
  for (const double w : weight) loss += p.ridge * w * w;
  return loss;
}

TEST_CASE("linear probe: no other weight or bias has a smaller loss", "[models]") {
  // Widths of one block of the Gram matrix, a tail, several blocks; rows of more than one.
  const int64_t width = GENERATE(1, 8, 13, 21);
  Features f = clouds(300, 300, width, 3, 1.0);
  for (int64_t i = 0; i < 300; ++i) f.values.mutable_data()[i * width] = 5;  // says nothing
  const LinearProbe probe = fit_linear_probe(train_rows(f), 3, 0.03);
  const auto weight = test::to_double(probe.weight.values());
  const auto bias = test::to_double(probe.bias.values());
  const auto by_weight = test::differences(
      [&](const std::vector<double>& w) { return loss_of(probe, train_rows(f), w, bias); }, weight);
  const auto by_bias = test::differences(
      [&](const std::vector<double>& b) { return loss_of(probe, train_rows(f), weight, b); }, bias);
  // The gradient is zero but for the rounding of weights to float.
  CHECK(test::max_error(by_weight, std::vector<double>(weight.size())) < 1e-6);
  CHECK(test::max_error(by_bias, std::vector<double>(bias.size())) < 1e-6);
  for (int64_t c = 0; c < 3; ++c) CHECK(probe.weight.data()[c * width] == 0);
}

TEST_CASE("linear probe: accuracy, the choice of a regulariser, threads", "[models][threads]") {
  const Features f = clouds(1500, 1200, 21, 6, 1.2);
  const LinearProbe probe = choose_linear_probe(train_rows(f), 6, 0);
  CHECK(probe.ridge >= 1e-6);
  CHECK(probe.ridge <= 10);
  const Accuracy a = evaluate(probe, test_rows(f));
  CHECK(a.images == 300);
  CHECK(a.share1() > 0.8);
  CHECK(a.top5 >= a.top1);
  const LinearProbe fitted = fit_linear_probe(train_rows(f), 6, probe.ridge);
  CHECK(test::max_error(fitted.weight.values(), probe.weight.values()) < 1e-6);
  for (const int n : {1, 3}) {
    set_threads(n);
    const LinearProbe again = choose_linear_probe(train_rows(f), 6, 0);
    CHECK(test::same_bits(again.weight, probe.weight));
    CHECK(test::same_bits(again.bias, probe.bias));
    CHECK(again.ridge == probe.ridge);
    const Accuracy knn = weighted_knn(train_rows(f), test_rows(f), 6);
    CHECK(knn.share1() > 0.8);
  }
  set_threads(0);
}

TEST_CASE("features: what no classifier can use", "[models][errors]") {
  Features f = clouds(40, 30, 4, 3, 1);
  CHECK_THROWS_AS(weighted_knn(train_rows(f), test_rows(f), 3, {.k = 0}), UsageError);
  CHECK_THROWS_AS(weighted_knn(train_rows(f), test_rows(f), 3, {.temperature = 0}), UsageError);
  const Features few = clouds(6, 2, 4, 2, 1);
  CHECK_THROWS_AS(choose_linear_probe(train_rows(few), 2, 0), UsageError);
  const Features none = clouds(6, 0, 4, 2, 1);
  CHECK_THROWS_AS(weighted_knn(train_rows(none), test_rows(none), 2), UsageError);
  CHECK_THROWS_AS(fit_linear_probe(train_rows(none), 2, 1), UsageError);
  f.values.mutable_data()[3 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(weighted_knn(train_rows(f), test_rows(f), 3), Catch::Contains("picture 3"));
  CHECK_THROWS_AS(choose_linear_probe(train_rows(f), 3, 0), UsageError);
}

TEST_CASE("features: extracted in order, saved in both formats", "[models]") {
  Model model;
  model.network = std::make_unique<Vit>(vit_config("vit_d32_l1_h2_patch4_12_gray"));
  model.network->initialize(1);
  model.preprocess.height = model.preprocess.width = 12;
  model.preprocess.channels = 1;
  model.preprocess.mean = model.preprocess.stddev = {0.5};
  Random random(1, RandomPlace::kTest, 5);
  std::vector<uint8_t> pixels(23 * 144);
  for (uint8_t& v : pixels) v = static_cast<uint8_t>(random.below(256));
  const auto data = std::make_shared<const MemoryDataset>(
      pixels, 12, 12, 1, std::vector<int32_t>(23, 1), std::vector<std::string>{"a", "b"});
  LoaderOptions options;
  options.batch = 8;
  options.shuffle = options.drop_last = false;
  options.preprocess = model.preprocess;
  Loader loader(data, options);
  const Embedder embedder(*model.network, {});
  Features f;
  f.values = Tensor::zeros({25, 32});
  std::vector<int64_t> seen;
  extract_features(embedder, loader, f.values, 2, [&](int64_t n) { seen.push_back(n); });
  CHECK(seen == std::vector<int64_t>{8, 16, 23});
  Image storage;
  for (const int64_t i : {0, 7, 8, 22}) {
    const Tensor want = model.network->features(
        preprocess(data->picture(i, 1, Exif::kUpright, storage), model.preprocess));
    CHECK(test::same_bits(f.values.rows(2 + i, 3 + i), want));
  }
  CHECK(test::same_bits(f.values.rows(0, 2), Tensor::zeros({2, 32})));
  CHECK_THROWS_AS(extract_features(embedder, loader, f.values, 3), ShapeError);

  f.labels.assign(25, 1);
  f.classes = {"a", "b"};
  f.files.assign(25, "bad \xff name");
  f.train = 20;
  const test::TempDir dir;
  save_features(dir.file("x.npy"), f);
  save_features(dir.file("x.safetensors"), f);
  CHECK(dir.names() == std::set<std::string>{"x.npy", "x.labels.npy", "x.json", "x.safetensors"});
  const SafetensorsFile file(dir.file("x.safetensors"));
  CHECK(to_float32(*file.find("features"), "features") ==
        std::vector<float>(f.values.values().begin(), f.values.values().end()));
  CHECK(file.find("labels")->dtype == Dtype::kI64);
  CHECK(file.metadata().at("train") == "20");
  CHECK(parse_json(file.metadata().at("classes")) == nlohmann::json(f.classes));
  const MappedFile labels(dir.file("x.labels.npy"));
  CHECK(parse_npy(labels.bytes(), "").tensors[0].tensor.shape == std::vector<int64_t>{25});
  std::ifstream described(dir.file("x.json"));
  const auto json = nlohmann::json::parse(described);
  CHECK(json["files"].size() == 25);
  CHECK(json["train"] == 20);
  CHECK_THROWS_AS(save_features(dir.file("x.csv"), f), UsageError);
}

}  // namespace
}  // namespace vitrine
