// The C interface: what it answers is what the network behind it answers, bit for bit, for files,
// bytes and pixels, for one picture and for many, from one thread and from several. Not here: the
// caller's mistakes (vitrine_errors_test), C compilers and what the built library shows
// (tests/install), the network itself (vit_test, golden_check models).

#include "models/c_api/vitrine.h"
#include "models/networks/vit.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>

#include "core/isa.hpp"
#include "core/memory.hpp"
#include "core/openmp_executor.hpp"
#include "core/parallel.hpp"
#include "core/version.hpp"
#include "models/inference/top_classes.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/resize_model.hpp"
#include "tests/models/c_api/opened_model.hpp"

namespace vitrine {
namespace {

using namespace test;  // NOLINT: the tools of these tests alone

TEST_CASE("c interface: what a model says of itself", "[c]") {
  const Opened o;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  CHECK(vitrine_input_size(o.handle, &height, &width, &channels) == VITRINE_OK);
  CHECK(height == kSide);
  CHECK(width == kSide);
  CHECK(channels == 3);
  CHECK(vitrine_input_size(o.handle, nullptr, nullptr, nullptr) == VITRINE_OK);
  CHECK(vitrine_class_count(o.handle) == kClasses);
  CHECK(vitrine_embedding_size(o.handle) == 32);
  CHECK(std::string(vitrine_label(o.handle, 2)) == "c");
  CHECK(std::string(vitrine_notes(o.handle)).empty());
  CHECK(std::string(vitrine_version()) == kVersion);
  CHECK(std::string(vitrine_isa()) == isa_name(active_isa()));
  CHECK(vitrine_threads() == threads());
  CHECK(std::string(vitrine_status_name(VITRINE_ERROR_SHAPE)) == "shape error");
  CHECK(std::string(vitrine_status_name(99)) == "unknown");

  Model unnamed = small_model();
  unnamed.labels.clear();
  const Opened u(std::move(unnamed));
  CHECK(std::string(vitrine_label(u.handle, 6)) == "class 6");
}

TEST_CASE("c interface: a file, its bytes and its pixels give the network's logits", "[c]") {
  const Opened o;
  const Image image = noise(23, 31, 3, 1);
  const std::string file = o.dir.file("picture.png");
  write_png(file, image);
  const std::vector<float> want =
      values_of((*o.model.network)(preprocess(image, o.model.preprocess)));

  CHECK(logits_of(o.handle, {file_of(file.c_str())}) == want);
  CHECK(logits_of(o.handle, {pixels_of(image)}) == want);

  std::ifstream stream(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  vitrine_picture encoded = empty_picture();
  encoded.encoded = bytes.data();
  encoded.encoded_bytes = bytes.size();
  CHECK(logits_of(o.handle, {encoded}) == want);

  // Rows with a gap between them, whose bytes nobody may look at.
  constexpr int64_t kStride = 31 * 4 + 9;
  std::vector<uint8_t> rgba(static_cast<size_t>(23 * kStride), 77);
  for (int64_t y = 0; y < 23; ++y) {
    for (int64_t x = 0; x < 31; ++x) {
      std::memcpy(&rgba[static_cast<size_t>(y * kStride + 4 * x)],
                  &image.pixels[static_cast<size_t>((y * 31 + x) * 3)], 3);
    }
  }
  vitrine_picture wide = pixels_of(image);
  wide.pixels = rgba.data();
  wide.channels = 4;
  wide.row_stride = kStride;
  CHECK(logits_of(o.handle, {wide}) == want);

  // Grey becomes RGB, as it does in a file.
  const Image grey = noise(9, 40, 1, 2);
  CHECK(logits_of(o.handle, {pixels_of(grey)}) ==
        values_of((*o.model.network)(preprocess(grey, o.model.preprocess))));
}

TEST_CASE("c interface: the most probable classes", "[c]") {
  const Opened o;
  const std::vector<Image> images = {noise(20, 20, 3, 1), noise(16, 16, 3, 2)};
  const std::vector<vitrine_picture> pictures = {pixels_of(images[0]), pixels_of(images[1])};
  for (const size_t top : {size_t{1}, size_t{3}, size_t{7}, size_t{10}}) {
    std::vector<int64_t> classes(2 * top, 99);
    std::vector<float> probabilities(2 * top, 99);
    REQUIRE(vitrine_classify(o.handle, pictures.data(), 2, top, classes.data(),
                             probabilities.data()) == VITRINE_OK);
    for (size_t i = 0; i < 2; ++i) {
      const auto best = top_classes((*o.model.network)(preprocess(images[i], o.model.preprocess)),
                                    static_cast<int64_t>(top));
      for (size_t j = 0; j < top; ++j) {
        const bool known = j < static_cast<size_t>(kClasses);
        CHECK(classes[i * top + j] == (known ? best[0][j].index : -1));
        CHECK(probabilities[i * top + j] ==
              (known ? static_cast<float>(best[0][j].probability) : 0));
      }
    }
  }
}

TEST_CASE("c interface: a picture's embedding and logits do not depend on the others", "[c]") {
  Model model = small_model(GENERATE(false, true));
  const Opened o(std::move(model));
  // More than two batches, the last one with a tail, of all sizes.
  std::vector<Image> images;
  std::vector<vitrine_picture> pictures;
  images.reserve(37);
  pictures.reserve(37);
  for (int64_t i = 0; i < 37; ++i) {
    images.push_back(noise(5 + i, 60 - i, i % 3 == 0 ? 1 : 3, static_cast<uint64_t>(i)));
  }
  for (const Image& image : images) pictures.push_back(pixels_of(image));
  const std::vector<float> logits = logits_of(o.handle, pictures);
  std::vector<float> embeddings(pictures.size() * 32);
  REQUIRE(vitrine_embed(o.handle, pictures.data(), pictures.size(), embeddings.data(),
                        embeddings.size()) == VITRINE_OK);
  for (size_t i = 0; i < images.size(); ++i) {
    const Tensor x = preprocess(images[i], o.model.preprocess);
    const auto row = [i](const std::vector<float>& all, size_t width) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * width);
      return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(width));
    };
    CHECK(row(logits, kClasses) == values_of((*o.model.network)(x)));
    CHECK(row(embeddings, 32) == values_of(o.model.network->features(x)));
  }
  CHECK(vitrine_embed(o.handle, nullptr, 0, nullptr, 0) == VITRINE_OK);
}

TEST_CASE("c interface: a model open at other sizes", "[c]") {
  Opened o;
  Model larger = load_frozen_model(o.path);
  resize_model(larger, 24, 32, "bilinear");
  Model usual = load_frozen_model(o.path);
  resize_model(usual, 8, 8);
  vitrine_open_options options = empty_options();
  options.image_height = 24;
  options.image_width = 32;
  options.position_resampling = "bilinear";
  vitrine_model* at_larger = nullptr;
  REQUIRE(vitrine_open_with(o.path.c_str(), &options, &at_larger) == VITRINE_OK);
  options.image_height = options.image_width = 8;
  options.position_resampling = nullptr;
  vitrine_model* at_usual = nullptr;
  REQUIRE(vitrine_open_with(o.path.c_str(), &options, &at_usual) == VITRINE_OK);
  int64_t height = 0;
  int64_t width = 0;
  CHECK(vitrine_input_size(at_larger, &height, &width, nullptr) == VITRINE_OK);
  CHECK(height == 24);
  CHECK(width == 32);
  CHECK(std::string(vitrine_notes(at_larger)) == larger.notes.at(0));

  const Image image = noise(40, 30, 3, 1);
  const auto want = [&](const Model& model) {
    return values_of((*model.network)(preprocess(image, model.preprocess)));
  };
  CHECK(logits_of(at_larger, {pixels_of(image)}) == want(larger));
  CHECK(logits_of(at_usual, {pixels_of(image)}) == want(usual));
  CHECK(logits_of(o.handle, {pixels_of(image)}) == want(o.model));
  for (vitrine_model* handle : {at_larger, at_usual}) CHECK(vitrine_close(handle) == VITRINE_OK);

  // No options, and none that is wanted.
  const vitrine_open_options none = empty_options();
  for (const vitrine_open_options* p : {static_cast<const vitrine_open_options*>(nullptr), &none}) {
    vitrine_model* handle = nullptr;
    REQUIRE(vitrine_open_with(o.path.c_str(), p, &handle) == VITRINE_OK);
    CHECK(logits_of(handle, {pixels_of(image)}) == want(o.model));
    CHECK(vitrine_close(handle) == VITRINE_OK);
  }
}

TEST_CASE("c interface: a model in other precisions", "[c][int8]") {
  const Opened o;
  const Image image = noise(40, 30, 3, 1);
  const auto logits = [&](const char* precision, size_t size) {
    vitrine_open_options options = empty_options();
    options.precision = precision;
    options.size = size;
    vitrine_model* handle = nullptr;
    REQUIRE(vitrine_open_with(o.path.c_str(), &options, &handle) == VITRINE_OK);
    const std::vector<float> out = logits_of(handle, {pixels_of(image)});
    CHECK(vitrine_close(handle) == VITRINE_OK);
    return out;
  };
  const auto want = [&](Precision precision) {
    const Model model = load_frozen_model(o.path, Use::kOften, RunWeights::kBest, precision);
    return values_of((*model.network)(preprocess(image, model.preprocess)));
  };
  constexpr size_t kSize = sizeof(vitrine_open_options);
  CHECK(logits("int8", kSize) == want(Precision::kInt8));
  CHECK(logits("f32", kSize) == want(Precision::kFloat32));
  CHECK(logits("", kSize) == want(Precision::kFloat32));
  CHECK(logits("int8", kSize) != logits(nullptr, kSize));
  // Who was compiled with the first version has no such member.
  constexpr size_t kFirst = offsetof(vitrine_open_options, precision);
  CHECK(logits("int8", kFirst) == want(Precision::kFloat32));
}

TEST_CASE("c interface: a model without classes", "[c]") {
  Model model = small_model();
  VitConfig config = as_vit(*model.network).config;
  config.classes = 0;
  model.network = std::make_unique<Vit>(config);
  model.network->initialize(3);
  model.labels.clear();
  const Opened o(std::move(model));
  const Image image = noise(20, 30, 3, 1);
  const vitrine_picture picture = pixels_of(image);
  std::vector<float> out(32);
  int64_t best = 0;
  CHECK(vitrine_class_count(o.handle) == 0);
  CHECK(says(vitrine_logits(o.handle, &picture, 1, out.data(), 32), VITRINE_ERROR_USAGE, "embed"));
  CHECK(says(vitrine_classify(o.handle, &picture, 1, 1, &best, out.data()), VITRINE_ERROR_USAGE,
             "embed"));
  CHECK(vitrine_embed(o.handle, &picture, 1, out.data(), 32) == VITRINE_OK);
  CHECK(out == values_of((*o.model.network)(preprocess(image, o.model.preprocess))));
}

TEST_CASE("c interface: several threads, one model and several", "[c][threads]") {
  const Opened one;
  const Opened two(small_model(true));
  const Image image = noise(40, 30, 3, 1);
  const std::vector<vitrine_picture> pictures(5, pixels_of(image));
  const auto answer = [&](const Opened& o) {
    std::vector<float> out(5 * kClasses);
    const auto status = vitrine_logits(o.handle, pictures.data(), 5, out.data(), out.size());
    return status == VITRINE_OK ? out : std::vector<float>{};
  };
  vitrine_model* fresh = nullptr;  // whose patch embedding is packed by whoever comes first
  REQUIRE(vitrine_open(one.path.c_str(), &fresh) == VITRINE_OK);
  const std::vector<float> want[2] = {answer(one), answer(two)};
  std::atomic<int> wrong = 0;
  std::vector<std::thread> workers;
  workers.reserve(6);
  for (size_t t = 0; t < 6; ++t) {
    workers.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const Opened& mine = t % 2 == 0 ? one : two;
        if (answer(mine) != want[t % 2]) ++wrong;
        std::vector<float> out(5 * kClasses);
        const auto s = vitrine_logits(fresh, pictures.data(), 5, out.data(), out.size());
        if (s == VITRINE_OK ? out != want[0] : s != VITRINE_ERROR_USAGE) ++wrong;
        // The last error is this thread's own.
        const std::string name = "nothing " + std::to_string(t);
        vitrine_model* none = nullptr;
        if (vitrine_open(name.c_str(), &none) != VITRINE_ERROR_USAGE) ++wrong;
        if (std::string(vitrine_last_error()).find(name) == std::string::npos) ++wrong;
        if (vitrine_set_threads(1 + i % 3) != VITRINE_OK) ++wrong;
        if (t == 0 && i == 10 && vitrine_close(fresh) != VITRINE_OK) ++wrong;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  CHECK(wrong == 0);
  CHECK(vitrine_set_threads(0) == VITRINE_OK);
}

/// A host's pool: as many threads as Vitrine may use, started for each piece of work.
std::atomic<int64_t> g_tasks = 0;
void run_on_own_threads(int64_t count, vitrine_task task, const void* context) {
  std::atomic<int64_t> next = 0;
  std::vector<std::thread> pool;
  pool.reserve(static_cast<size_t>(vitrine_threads()));
  for (int worker = 0; worker < vitrine_threads(); ++worker) {
    pool.emplace_back([&, worker] {
      for (int64_t i = next++; i < count; i = next++) {
        task(context, i, worker);
        ++g_tasks;
      }
    });
  }
  for (std::thread& thread : pool) thread.join();
}

TEST_CASE("c interface: threads, executors and instruction sets change no bit they should not",
          "[c][threads]") {
  std::vector<float> want;
  const Image image = noise(40, 30, 3, 1);
  const std::vector<vitrine_picture> pictures(3, pixels_of(image));
  const std::string isa = vitrine_isa();
  {
    const Opened o;
    want = logits_of(o.handle, pictures);
    for (const int n : {1, 2, 5, 0}) {
      CHECK(vitrine_set_threads(n) == VITRINE_OK);
      if (n > 0) CHECK(vitrine_threads() == n);
      CHECK(logits_of(o.handle, pictures) == want);
    }
    CHECK(says(vitrine_set_threads(-1), VITRINE_ERROR_USAGE, "threads must be"));
    CHECK(says(vitrine_set_threads(1025), VITRINE_ERROR_USAGE, "threads must be"));

    vitrine_set_threads(3);
    const int openmp_before = openmp() ? 1 : 0;
    for (const int on : {1, 0}) {
      if (on == 1 && !has_openmp()) continue;
      CHECK(vitrine_set_openmp(on) == VITRINE_OK);
      CHECK(logits_of(o.handle, pictures) == want);
    }
    CHECK(vitrine_set_openmp(openmp_before) == VITRINE_OK);
    CHECK(says(vitrine_set_openmp(2), VITRINE_ERROR_USAGE, "openmp must be"));
    CHECK(vitrine_set_executor(run_on_own_threads) == VITRINE_OK);
    CHECK(logits_of(o.handle, pictures) == want);
    CHECK(g_tasks > 0);
    const vitrine_picture missing = file_of("missing.png");
    const std::vector<vitrine_picture> bad = {pictures[0], missing};
    std::vector<float> out(2 * kClasses);
    CHECK(says(vitrine_logits(o.handle, bad.data(), 2, out.data(), out.size()), VITRINE_ERROR_IO,
               "missing.png"));
    CHECK(vitrine_set_executor(nullptr) == VITRINE_OK);
    vitrine_set_threads(0);
    CHECK(says(vitrine_set_isa(isa.c_str()), VITRINE_ERROR_USAGE, "while a model is open"));
  }
  CHECK(says(vitrine_set_isa("mmx"), VITRINE_ERROR_USAGE, "mmx"));
  CHECK(says(vitrine_set_isa(nullptr), VITRINE_ERROR_USAGE, "null pointer"));
  for (const Isa other : supported_isas()) {
    CHECK(vitrine_set_isa(std::string(isa_name(other)).c_str()) == VITRINE_OK);
    CHECK(std::string(vitrine_isa()) == isa_name(other));
    const Opened o;
    CHECK(test::max_error(logits_of(o.handle, pictures), want) < 1e-4);
  }
  CHECK(vitrine_set_isa(isa.c_str()) == VITRINE_OK);
}

TEST_CASE("c interface: nothing new is allocated in steady state", "[c][memory]") {
  const Opened o;
  const Image image = noise(40, 30, 3, 1);
  const std::vector<vitrine_picture> pictures(5, pixels_of(image));
  std::vector<float> out(5 * 32);
  const auto run = [&] {
    return vitrine_embed(o.handle, pictures.data(), 5, out.data(), out.size());
  };
  for (int i = 0; i < 2; ++i) CHECK(run() == VITRINE_OK);
  const int64_t before = memory_stats().new_blocks;
  for (int i = 0; i < 5; ++i) CHECK(run() == VITRINE_OK);
  CHECK(memory_stats().new_blocks == before);
}

}  // namespace
}  // namespace vitrine
