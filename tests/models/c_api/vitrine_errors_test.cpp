// The C interface: every mistake of the caller is a status and one line that says which, and leaves
// the model as well as before. Sizes are 0, negative and the largest there are.

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>
#include <limits>

#include "models/c_api/vitrine.h"
#include "tests/models/c_api/opened_model.hpp"

namespace vitrine {
namespace {

using namespace test;  // NOLINT: the tools of these tests alone

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

TEST_CASE("c interface: options of opening that are impossible", "[c][errors]") {
  const Opened o;
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  struct Later {
    vitrine_open_options options;
    int64_t more;
  };
  Later later{empty_options(), 0};
  vitrine_open_options& options = later.options;
  const auto refuse = [&](std::string_view words,
                          const std::function<void(vitrine_open_options&)>& change) {
    options = empty_options();
    change(options);
    vitrine_model* handle = o.handle;
    const vitrine_status got = vitrine_open_with(o.path.c_str(), &options, &handle);
    CHECK(says(got, VITRINE_ERROR_USAGE, words));
    CHECK(handle == nullptr);
  };
  const auto sized = [](int64_t height, int64_t width, const char* resampling = nullptr) {
    return [=](vitrine_open_options& p) {
      p.image_height = height;
      p.image_width = width;
      p.position_resampling = resampling;
    };
  };
  // What the first version had.
  constexpr size_t kFirst = offsetof(vitrine_open_options, precision);
  for (const size_t size : {size_t{0}, kFirst - 1, SIZE_MAX}) {
    refuse("sizeof(vitrine_open_options)", [&](vitrine_open_options& p) { p.size = size; });
  }
  refuse("set both", sized(24, 0));
  refuse("set both", sized(0, 24));
  refuse("position_resampling needs", sized(0, 0, "bicubic"));
  refuse("unknown position resampling 'tricubic'", sized(24, 24, "tricubic"));
  refuse("take 24 x 16", sized(25, 16));
  refuse("unknown precision 'int9'", [](vitrine_open_options& p) { p.precision = "int9"; });
  for (const int64_t side : {int64_t{-4}, kHuge, -kHuge - 1}) {
    refuse("height and width", sized(side, 16));
  }
  refuse("tokens", sized(8192, 8192));
  later.more = 1;
  refuse("what this version", [](vitrine_open_options& p) { p.size = sizeof(Later); });
  later.more = 0;
  options = empty_options();
  options.size = sizeof(Later);
  vitrine_model* handle = nullptr;
  CHECK(vitrine_open_with(o.path.c_str(), &options, &handle) == VITRINE_OK);
  CHECK(vitrine_close(handle) == VITRINE_OK);
  CHECK(says(vitrine_open_with("x", &options, nullptr), VITRINE_ERROR_USAGE, "null pointer"));
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
        values_of((*o.model.network)(preprocess(image, o.model.preprocess))));
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

TEST_CASE("c interface: the last error is one line that no terminal obeys", "[c][errors]") {
  vitrine_model* handle = nullptr;
  const std::string rude = "none\x1b[2J\n\x7f\xc2\x9b\xe2\x80\xae\xff";
  CHECK(says(vitrine_open(rude.c_str(), &handle), VITRINE_ERROR_USAGE,
             "none\\x1b[2J\\x0a\\x7f\\x9b\\u202e\\xff"));
  const Opened o;
  vitrine_picture picture = empty_picture();
  picture.file = rude.c_str();
  std::vector<float> out(kClasses);
  CHECK(says(vitrine_logits(o.handle, &picture, 1, out.data(), out.size()), VITRINE_ERROR_IO,
             "none\\x1b[2J\\x0a"));
  CHECK(std::string(vitrine_last_error()).find_first_of("\n\x1b\x7f\xff") == std::string::npos);
}

}  // namespace
}  // namespace vitrine
