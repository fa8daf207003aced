// The C interface: what it answers is what the network behind it answers, bit for bit, for files,
// bytes and pixels, for one picture and for many, from one thread and from several. Every mistake
// of the caller is a status and a message. Not here: C compilers, what the built library shows
// (tests/install); the network itself (vit_test, golden_check models).

#include "models/vitrine.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <thread>

#include "core/isa.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/version.hpp"
#include "models/checkpoint.hpp"
#include "models/top_classes.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 16;
constexpr int64_t kClasses = 7;

/// A small model of random weights that sees (16, 16, 3).
Model small_model(bool distilled = false) {
  VitConfig config = vit_config("vit_d32_l2_h2_patch4_16_c7");
  config.distilled = distilled;
  Model model;
  model.vit = std::make_unique<Vit>(config);
  model.vit->initialize(3, WeightInit::kTimm);
  // timm's head begins at zero.
  model.vit->head.weight.value = test::random_tensor({kClasses, 32}, 1);
  model.preprocess.height = model.preprocess.width = kSide;
  model.labels = {"a", "b", "c", "d", "e", "f", "g"};
  return model;
}

/// A saved model with the C interface's handle for it.
struct Opened {
  test::TempDir dir;
  Model model;
  std::string path;
  vitrine_model* handle = nullptr;

  explicit Opened(Model m = small_model()) : model(std::move(m)), path(dir.file("m.safetensors")) {
    save_model(path, model);
    REQUIRE(vitrine_open(path.c_str(), &handle) == VITRINE_OK);
    model.vit->freeze();
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { vitrine_close(handle); }
};

Image noise(int64_t height, int64_t width, int channels, uint64_t stream) {
  Random random(1, RandomPlace::kTest, stream);
  Image image{width, height, channels, {}};
  image.pixels.resize(static_cast<size_t>(height * width * channels));
  for (uint8_t& v : image.pixels) v = static_cast<uint8_t>(random.below(256));
  return image;
}

vitrine_picture empty_picture() {
  vitrine_picture picture = {};
  picture.size = sizeof picture;
  return picture;
}

vitrine_picture pixels_of(const Image& image) {
  vitrine_picture picture = empty_picture();
  picture.pixels = image.pixels.data();
  picture.height = image.height;
  picture.width = image.width;
  picture.channels = image.channels;
  return picture;
}

vitrine_picture file_of(const char* path) {
  vitrine_picture picture = empty_picture();
  picture.file = path;
  return picture;
}

std::vector<float> logits_of(const vitrine_model* model,
                             const std::vector<vitrine_picture>& pictures) {
  std::vector<float> logits(pictures.size() * kClasses);
  INFO(vitrine_last_error());
  REQUIRE(vitrine_logits(model, pictures.data(), pictures.size(), logits.data(), logits.size()) ==
          VITRINE_OK);
  return logits;
}

std::vector<float> values_of(const Tensor& t) { return {t.values().begin(), t.values().end()}; }

bool says(vitrine_status got, vitrine_status wanted, std::string_view words) {
  const std::string_view error = vitrine_last_error();
  UNSCOPED_INFO("status " << got << ": " << error);
  return got == wanted && error.find(words) != std::string_view::npos &&
         error.find('\n') == std::string_view::npos;
}

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
  const std::vector<float> want = values_of((*o.model.vit)(preprocess(image, o.model.preprocess)));

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
        values_of((*o.model.vit)(preprocess(grey, o.model.preprocess))));
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
      const auto best = top_classes((*o.model.vit)(preprocess(images[i], o.model.preprocess)),
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
  for (int64_t i = 0; i < 37; ++i) {
    images.push_back(noise(5 + i, 60 - i, i % 3 == 0 ? 1 : 3, static_cast<uint64_t>(i)));
  }
  std::vector<vitrine_picture> pictures;
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
    CHECK(row(logits, kClasses) == values_of((*o.model.vit)(x)));
    CHECK(row(embeddings, 32) == values_of(o.model.vit->features(x)));
  }
  CHECK(vitrine_embed(o.handle, nullptr, 0, nullptr, 0) == VITRINE_OK);
}

TEST_CASE("c interface: null pointers and closed models", "[c][errors]") {
  vitrine_model* handle = nullptr;
  {
    const Opened o;
    REQUIRE(vitrine_open(o.path.c_str(), &handle) == VITRINE_OK);
    CHECK(handle != o.handle);
  }
  CHECK(vitrine_class_count(handle) == kClasses);
  CHECK(vitrine_close(handle) == VITRINE_OK);
  CHECK(vitrine_close(nullptr) == VITRINE_OK);
  CHECK(says(vitrine_close(handle), VITRINE_ERROR_USAGE, "not open"));

  int local = 0;
  auto* wild = reinterpret_cast<vitrine_model*>(&local);
  for (vitrine_model* bad : {handle, wild, static_cast<vitrine_model*>(nullptr)}) {
    const char* words = bad == nullptr ? "null pointer" : "not open";
    const vitrine_picture picture = empty_picture();
    float floats[100] = {};
    int64_t classes[100] = {};
    CHECK(says(vitrine_input_size(bad, nullptr, nullptr, nullptr), VITRINE_ERROR_USAGE, words));
    CHECK(vitrine_class_count(bad) == -1);
    CHECK(vitrine_embedding_size(bad) == -1);
    CHECK(vitrine_label(bad, 0) == nullptr);
    CHECK(vitrine_notes(bad) == nullptr);
    CHECK(says(vitrine_classify(bad, &picture, 1, 1, classes, floats), VITRINE_ERROR_USAGE, words));
    CHECK(says(vitrine_logits(bad, &picture, 1, floats, 100), VITRINE_ERROR_USAGE, words));
    CHECK(says(vitrine_embed(bad, &picture, 1, floats, 100), VITRINE_ERROR_USAGE, words));
  }
  CHECK(says(vitrine_open("x", nullptr), VITRINE_ERROR_USAGE, "null pointer"));
}

TEST_CASE("c interface: models that cannot be opened", "[c][errors]") {
  const test::TempDir dir;
  vitrine_model* handle = reinterpret_cast<vitrine_model*>(&handle);
  CHECK(says(vitrine_open("no/such/model", &handle), VITRINE_ERROR_USAGE, "no/such/model"));
  CHECK(handle == nullptr);
  CHECK(says(vitrine_open(dir.path().c_str(), &handle), VITRINE_ERROR_IO, "no model here"));
  const std::string text = dir.add("text.safetensors", "this is no model");
  CHECK(says(vitrine_open(text.c_str(), &handle), VITRINE_ERROR_FORMAT, "text.safetensors"));
  const std::string longest(100'000, 'x');
  CHECK(vitrine_open(longest.c_str(), &handle) != VITRINE_OK);
  CHECK(std::strlen(vitrine_last_error()) < 1024);
}

TEST_CASE("c interface: pictures and buffers that are impossible", "[c][errors]") {
  const Opened o;
  const Image image = noise(20, 30, 3, 1);
  float out[kClasses] = {};
  int64_t classes[kClasses] = {};
  const auto refuse = [&](vitrine_status status, std::string_view words,
                          const std::function<void(vitrine_picture&)>& change) {
    vitrine_picture picture = pixels_of(image);
    change(picture);
    CHECK(says(vitrine_logits(o.handle, &picture, 1, out, kClasses), status, words));
  };
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  constexpr auto kShape = VITRINE_ERROR_SHAPE;
  constexpr auto kUsage = VITRINE_ERROR_USAGE;
  refuse(kUsage, "sizeof(vitrine_picture)", [](vitrine_picture& p) { p.size = 0; });
  refuse(kUsage, "sizeof(vitrine_picture)", [](vitrine_picture& p) { p.size = SIZE_MAX; });
  refuse(kUsage, "exactly one", [](vitrine_picture& p) { p.file = "x"; });
  refuse(kUsage, "exactly one", [](vitrine_picture& p) { p.pixels = nullptr; });
  for (const int64_t side : {int64_t{0}, int64_t{-1}, kHuge, -kHuge - 1}) {
    refuse(kShape, "height and width", [&](vitrine_picture& p) { p.height = side; });
    refuse(kShape, "height and width", [&](vitrine_picture& p) { p.width = side; });
  }
  for (const int64_t channels : {int64_t{0}, int64_t{2}, int64_t{5}, kHuge}) {
    refuse(kShape, "channels", [&](vitrine_picture& p) { p.channels = channels; });
  }
  refuse(kShape, "row_stride", [](vitrine_picture& p) { p.row_stride = 89; });
  refuse(kShape, "row_stride", [](vitrine_picture& p) { p.row_stride = -90; });

  const std::string missing = o.dir.file("missing.png");
  const std::string text = o.dir.add("text.png", "no picture");
  std::vector<vitrine_picture> pictures(20, pixels_of(image));
  pictures[17] = file_of(text.c_str());
  pictures[18] = file_of(missing.c_str());
  std::vector<float> many(20 * kClasses);
  CHECK(says(vitrine_logits(o.handle, pictures.data(), 20, many.data(), many.size()),
             VITRINE_ERROR_FORMAT, "text.png"));
  CHECK(says(vitrine_logits(o.handle, &pictures[18], 1, many.data(), many.size()), VITRINE_ERROR_IO,
             "missing.png"));
  pictures[17] = empty_picture();
  pictures[17].encoded = text.data();
  CHECK(says(vitrine_logits(o.handle, pictures.data(), 18, many.data(), many.size()),
             VITRINE_ERROR_FORMAT, "pictures[17]"));

  CHECK(says(vitrine_logits(o.handle, nullptr, 1, out, kClasses), kUsage, "null pointer"));
  CHECK(says(vitrine_logits(o.handle, pictures.data(), 1, nullptr, kClasses), kUsage, "null"));
  CHECK(
      says(vitrine_logits(o.handle, pictures.data(), 1, out, kClasses - 1), kShape, "room for 7"));
  CHECK(says(vitrine_embed(o.handle, pictures.data(), 2, out, kClasses), kShape, "room for 64"));
  CHECK(
      says(vitrine_embed(o.handle, pictures.data(), SIZE_MAX, out, SIZE_MAX), kShape, "too many"));
  const auto classify = [&](size_t count, size_t top, int64_t* c, float* p) {
    return vitrine_classify(o.handle, pictures.data(), count, top, c, p);
  };
  CHECK(says(classify(1, 0, classes, out), kShape, "top"));
  CHECK(says(classify(2, SIZE_MAX, classes, out), kShape, "too many"));
  CHECK(says(classify(1, 3, nullptr, out), kUsage, "null"));
  CHECK(says(classify(1, 3, classes, nullptr), kUsage, "null"));
  CHECK(vitrine_label(o.handle, kClasses) == nullptr);
  CHECK(vitrine_label(o.handle, -1) == nullptr);

  // The model is as well as before.
  CHECK(logits_of(o.handle, {pixels_of(image)}) ==
        values_of((*o.model.vit)(preprocess(image, o.model.preprocess))));
}

TEST_CASE("c interface: a picture of a later version", "[c][errors]") {
  const Opened o;
  const Image image = noise(20, 30, 3, 1);
  struct Later {
    vitrine_picture picture;
    int64_t more;
  };
  std::vector<Later> later(3, Later{pixels_of(image), 0});
  for (Later& p : later) p.picture.size = sizeof(Later);
  std::vector<float> out(3 * kClasses);
  const auto run = [&] {
    return vitrine_logits(o.handle, &later[0].picture, 3, out.data(), out.size());
  };
  CHECK(run() == VITRINE_OK);
  CHECK(std::equal(out.begin(), out.begin() + kClasses, out.begin() + 2 * kClasses));
  later[2].more = 1;
  CHECK(says(run(), VITRINE_ERROR_USAGE, "pictures[2]: asks for what this version"));
  later[2].more = 0;
  later[1].picture.size = sizeof(vitrine_picture);
  CHECK(says(run(), VITRINE_ERROR_USAGE, "pictures[1]: size"));
}

TEST_CASE("c interface: a model without classes", "[c]") {
  Model model = small_model();
  VitConfig config = model.vit->config;
  config.classes = 0;
  model.vit = std::make_unique<Vit>(config);
  model.vit->initialize(3);
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
  CHECK(out == values_of((*o.model.vit)(preprocess(image, o.model.preprocess))));
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
    CHECK(vitrine_set_isa(isa_name(other).data()) == VITRINE_OK);
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
