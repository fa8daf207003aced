#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/c_api/vitrine.h"
#include "models/networks/vit.hpp"
#include "models/weights/checkpoint.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

// A small model behind the C interface, and pictures for it.

namespace vitrine::test {

inline constexpr int64_t kSide = 16;
inline constexpr int64_t kClasses = 7;

/// A small model of random weights that sees (16, 16, 3).
inline Model small_model(bool distilled = false) {
  VitConfig config = vit_config("vit_d32_l2_h2_patch4_16_c7");
  config.distilled = distilled;
  Model model;
  auto vit = std::make_unique<Vit>(config);
  vit->initialize(3);
  // timm's head begins at zero.
  vit->head.weight.value = random_tensor({kClasses, 32}, 1);
  model.network = std::move(vit);
  model.preprocess.height = model.preprocess.width = kSide;
  model.labels = {"a", "b", "c", "d", "e", "f", "g"};
  return model;
}

/// A saved model with the C interface's handle for it.
struct Opened {
  TempDir dir;
  Model model;
  std::string path;
  vitrine_model* handle = nullptr;

  explicit Opened(Model m = small_model()) : model(std::move(m)), path(dir.file("m.safetensors")) {
    save_model(path, model);
    REQUIRE(vitrine_open(path.c_str(), &handle) == VITRINE_OK);
    model.network->freeze();
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { vitrine_close(handle); }
};

inline Image noise(int64_t height, int64_t width, int channels, uint64_t stream) {
  Random random(1, RandomPlace::kTest, stream);
  Image image{width, height, channels, {}};
  image.pixels.resize(static_cast<size_t>(height * width * channels));
  for (uint8_t& v : image.pixels) v = static_cast<uint8_t>(random.below(256));
  return image;
}

inline vitrine_picture empty_picture() {
  vitrine_picture picture = {};
  picture.size = sizeof picture;
  return picture;
}

inline vitrine_open_options empty_options() {
  vitrine_open_options options = {};
  options.size = sizeof options;
  return options;
}

inline vitrine_picture pixels_of(const Image& image) {
  vitrine_picture picture = empty_picture();
  picture.pixels = image.pixels.data();
  picture.height = image.height;
  picture.width = image.width;
  picture.channels = image.channels;
  return picture;
}

inline vitrine_picture file_of(const char* path) {
  vitrine_picture picture = empty_picture();
  picture.file = path;
  return picture;
}

inline std::vector<float> logits_of(const vitrine_model* model,
                                    const std::vector<vitrine_picture>& pictures) {
  std::vector<float> logits(pictures.size() * kClasses);
  INFO(vitrine_last_error());
  REQUIRE(vitrine_logits(model, pictures.data(), pictures.size(), logits.data(), logits.size()) ==
          VITRINE_OK);
  return logits;
}

inline std::vector<float> values_of(const Tensor& t) {
  return {t.values().begin(), t.values().end()};
}

inline bool says(vitrine_status got, vitrine_status wanted, std::string_view words) {
  const std::string_view error = vitrine_last_error();
  UNSCOPED_INFO("status " << got << ": " << error);
  return got == wanted && error.find(words) != std::string_view::npos &&
         error.find('\n') == std::string_view::npos;
}

}  // namespace vitrine::test
