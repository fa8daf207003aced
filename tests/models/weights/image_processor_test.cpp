// Image processors of Hugging Face: what they do, by their class and their file. Right values are
// those of transformers 5.24; its pixels are compared end to end in
// tests/sweep/hugging_face_processors.py.

#include <catch2/catch.hpp>

#include "core/text/json_text.hpp"
#include "models/weights/hugging_face_preprocess.hpp"
#include "tests/error_of.hpp"

namespace vitrine {
namespace {

using nlohmann::json;
using test::error_of;

HuggingFacePreprocess read(const std::string& text, std::string_view type = "vit",
                           int channels = 3) {
  return read_hugging_face_preprocess(parse_json(text),
                                      {"preprocessor_config.json", "", type, channels});
}

/// Sizes and crops of a rule, for people.
std::string geometry(const Preprocess& rule) {
  json object = rule.to_json();
  object.erase("mean");
  object.erase("std");
  object.erase("exif");
  return write_json(object);
}

struct Rule {
  const char* text;
  const char* geometry;
  double mean;  ///< of the first channel
};

TEST_CASE("image processors have their class's own defaults", "[models][import]") {
  constexpr const char* kSquash224 =
      R"({"crop_mode":"squash","crop_pct":1.0,"input_size":[3,224,224],"interpolation":"bilinear"})";
  constexpr const char* kSquash224Bicubic =
      R"({"crop_mode":"squash","crop_pct":1.0,"input_size":[3,224,224],"interpolation":"bicubic"})";
  constexpr const char* kShorter224 =
      R"({"crop_mode":"center","crop_pct":1.0,"crop_rounding":"down","input_size":[3,224,224],)"
      R"("interpolation":"bicubic"})";
  const std::vector<Rule> rules = {
      {R"({"image_processor_type": "ViTImageProcessor"})", kSquash224, 0.5},
      {R"({"image_processor_type": "ViTImageProcessorFast"})", kSquash224, 0.5},
      {R"({"feature_extractor_type": "ViTFeatureExtractor", "size": 224})", kSquash224, 0.5},
      {R"({"size": [224, 224]})", kSquash224, 0.5},
      {R"({"image_processor_type": "SiglipImageProcessor"})", kSquash224Bicubic, 0.5},
      {R"({"image_processor_type": "BeitImageProcessor", "crop_size": 9})", kSquash224Bicubic, 0.5},
      {R"({"image_processor_type": "CLIPImageProcessor"})", kShorter224, 0.48145466},
      {R"({"image_processor_type": "CLIPImageProcessorPil", "size": 224})", kShorter224,
       0.48145466},
      {R"({"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 224}})",
       kShorter224, 0.48145466},
      {R"({"image_processor_type": "DeiTImageProcessor"})",
       R"({"crop_mode":"squash","crop_pct":0.875,"crop_rounding":"down","input_size":[3,224,224],)"
       R"("interpolation":"bicubic"})",
       0.5},
      {R"({"image_processor_type": "ConvNextImageProcessor"})",
       R"({"crop_mode":"squash","crop_pct":1.0,"input_size":[3,384,384],"interpolation":"bicubic"})",
       0.5},
      {R"({"image_processor_type": "ConvNextImageProcessor", "size": 224})",
       R"({"crop_mode":"center","crop_pct":0.875,"crop_rounding":"down","input_size":[3,224,224],)"
       R"("interpolation":"bicubic"})",
       0.5},
      {R"({"image_processor_type": "BitImageProcessor", "do_resize": false, "crop_size": 32})",
       R"({"crop_mode":"unscaled","crop_pct":1.0,"crop_rounding":"down","input_size":[3,32,32],)"
       R"("interpolation":"bicubic"})",
       0.48145466},
  };
  for (const Rule& rule : rules) {
    CAPTURE(rule.text);
    const Preprocess got = read(rule.text).rule;
    CHECK(geometry(got) == rule.geometry);
    CHECK(got.mean[0] == rule.mean);
  }
  CHECK(geometry(read("{}", "dinov2").rule) == kShorter224);
  CHECK(geometry(read("{}", "vit-hybrid").rule) == kShorter224);
  CHECK(geometry(read(R"({"size": {"height": 224, "width": 224}})", "resnet").rule) ==
        kSquash224Bicubic);
  CHECK(read("{}", "dinov2").processor == "BitImageProcessor, usual for dinov2");
  CHECK(read(R"({"image_processor_type": "ViTImageProcessorFast"})").processor ==
        "ViTImageProcessor");
}

TEST_CASE("image processors: resized sizes are exact", "[models][import]") {
  // int(160 / 0.9) = 177; floor(160 / crop_pct) must be that again.
  const Preprocess conv = read(R"({"image_processor_type": "ConvNextImageProcessor",
                                   "size": {"shortest_edge": 160}, "crop_pct": 0.9})")
                              .rule;
  CHECK(std::floor(160 / conv.crop_pct) == 177);
  for (int64_t size = 112; size < 300; ++size) {
    const json rule = {{"image_processor_type", "BitImageProcessor"},
                       {"size", {{"shortest_edge", size}}},
                       {"crop_size", 224}};
    const Preprocess got = read(rule.dump()).rule;
    REQUIRE(std::floor(224 / got.crop_pct) == static_cast<double>(size));
    REQUIRE(hugging_face_preprocess(got)["size"]["shortest_edge"] == size);
  }
  const Preprocess oblong = read(R"({"image_processor_type": "DeiTImageProcessor",
                                     "size": {"height": 96, "width": 72}, "crop_size": [64, 48]})",
                                 "deit")
                                .rule;
  CHECK(oblong.crop_pct == 64.0 / 96);
}

TEST_CASE("image processors: values of pixels", "[models][import]") {
  const auto values = [](const std::string& text) {
    const Preprocess rule = read(text).rule;
    return std::pair{rule.mean[1], rule.stddev[1]};
  };
  using Pair = std::pair<double, double>;
  CHECK(values(R"({"image_mean": 0.25, "image_std": [0.1, 0.2, 0.3]})") == Pair{0.25, 0.2});
  CHECK(values(R"({"do_normalize": null, "image_mean": null})") == Pair{0, 1});
  CHECK(values(R"({"do_rescale": null, "image_mean": 102, "image_std": 51})") == Pair{0.4, 0.2});
  CHECK(values(R"({"do_normalize": false, "image_mean": [3]})") == Pair{0, 1});
  CHECK(values(R"({"rescale_factor": 0.00392156862745098})") == Pair{0.5, 0.5});
  // v - 102 / 51, with v from 0 to 255
  CHECK(values(R"({"do_rescale": false, "image_mean": 102, "image_std": 51})") == Pair{0.4, 0.2});
  const Pair google = values(R"({"rescale_factor": 0.00784313725490196, "image_mean": 1,
                                 "image_std": 1})");
  CHECK(google.first == Approx(0.5).epsilon(1e-12));
  CHECK(google.second == Approx(0.5).epsilon(1e-12));
  const Pair plain = values(R"({"do_normalize": false, "do_rescale": false})");
  CHECK(plain.first == 0);
  CHECK(plain.second == Approx(1 / 255.0));
  CHECK(read(R"({"image_mean": [0.1], "image_std": 0.3})", "vit", 1).rule.mean ==
        std::vector<double>{0.1});
}

TEST_CASE("image processors: what is not exact is refused by its key and value",
          "[models][import][errors]") {
  const std::vector<std::pair<std::string, std::string>> rules = {
      {R"({"image_processor_type": "DetrImageProcessor"})",
       R"(image_processor_type is "DetrImageProcessor"; known for model_type vit are)"},
      {R"({"image_processor_type": "CLIPFeatureExtractor"})", R"(is "CLIPFeatureExtractor")"},
      {R"({"image_processor_type": "ViTHybridImageProcessor"})", "ViTHybridImageProcessor"},
      {R"({"size": {"shortest_edge": 224}})", R"(size is {"shortest_edge":224}; without)"},
      {R"({"size": {"height": 224}})", "known are shortest_edge, or height and width"},
      {R"({"size": {"longest_edge": 224}})", R"(size is {"longest_edge":224})"},
      {R"({"size": {"shortest_edge": 9, "longest_edge": 12}})", "size.longest_edge is 12"},
      {R"({"size": "big"})", R"(size is "big")"},
      {R"({"size": 12.5})", "size is 12.5"},
      {R"({"size": 0})", "size is 0; sides are 1 to 8192"},
      {R"({"size": [1, 2, 3]})", "size is [1,2,3]"},
      {R"({"do_center_crop": true})", "crop_size is missing"},
      // null is not the class's own value.
      {R"({"do_center_crop": true, "crop_size": null})", "crop_size is null; do_center_crop"},
      {R"({"size": null})", "size is null; do_resize needs it"},
      {R"({"resample": null})", "resample is null; do_resize needs it"},
      {R"({"do_resize": null})", "without do_center_crop pictures would have different sizes"},
      {R"({"size": 24, "default_to_square": null})", "would have different sizes"},
      {R"({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 24},
           "crop_pct": null})",
       "crop_pct is null; a shortest_edge below 384 needs it"},
      {R"({"rescale_factor": null})", "rescale_factor is null; do_rescale needs it"},
      {R"({"image_mean": null})", "image_mean is null; do_normalize needs it"},
      {R"({"image_std": null})", "image_std is null; do_normalize needs it"},
      {R"({"do_center_crop": true, "crop_size": {"shortest_edge": 9}})", "crop_size is"},
      {R"({"image_processor_type": "CLIPImageProcessor", "crop_size": [20, 30]})",
       "crop_size is [20,30]"},
      {R"({"image_processor_type": "CLIPImageProcessor", "size": 8000})", "crop_size is missing"},
      {R"({"do_center_crop": true, "size": [256, 300], "crop_size": 224})", "crop_size is 224"},
      {R"({"image_processor_type": "ConvNextImageProcessor", "size": {"height": 9, "width": 9}})",
       "wants its shortest_edge"},
      {R"({"image_processor_type": "ConvNextImageProcessor", "size": 99, "do_center_crop": true,
           "crop_size": 50})",
       "crop_size is 50"},
      {R"({"image_processor_type": "ConvNextImageProcessor", "size": 99, "crop_pct": 0})",
       "crop_pct is 0"},
      {R"({"do_resize": false})", "do_resize is false"},
      {R"({"do_resize": 0})", "do_resize is 0"},
      {R"({"resample": 6})", "resample is 6"},
      {R"({"resample": "bicubic"})", R"(resample is "bicubic")"},
      {R"({"rescale_factor": 0})", "rescale_factor is 0"},
      {R"({"rescale_offset": true})", "rescale_offset is true"},
      {R"({"image_mean": [0.5]})", "image_mean is [0.5]; 1 numbers for the network's"},
      {R"({"image_std": [0.5, 0.5, 0]})", "image_std is [0.5,0.5,0]"},
      {R"({"image_std": "x"})", R"(image_std is "x")"},
      {R"({"do_pad": true, "pad_size": 300})", "pad_size is 300"},
      {R"({"use_square_size": true})", "use_square_size is true"},
      {R"({"auto_map": {"AutoImageProcessor": "mine"}})", "auto_map is"},
      {R"({"do_flip": true})", "do_flip is true; not known"},
  };
  for (const auto& [text, words] : rules) {
    CAPTURE(text);
    const std::string said = error_of([&, &rule = text] { read(rule); });
    CHECK_THAT(said, Catch::Contains(words));
    CHECK_THAT(said, Catch::StartsWith("preprocessor_config.json"));
  }
  CHECK_THAT(error_of([] { read("{}", "vit", 1); }), Catch::Contains("image_mean is missing"));
  CHECK_THAT(error_of([] { read("{}", "swin"); }), Catch::Contains("image_processor_type is miss"));
}

TEST_CASE("image processors: what is written is read back", "[models][import]") {
  for (
      const char* text :
      {R"({"image_processor_type": "ViTImageProcessor", "size": [48, 64], "resample": 1})",
       R"({"image_processor_type": "DeiTImageProcessor", "size": 255})",
       R"({"image_processor_type": "CLIPImageProcessor", "size": 131, "crop_size": 128})",
       R"({"image_processor_type": "BitImageProcessor", "do_resize": false, "crop_size": [9, 7]})",
       R"({"image_processor_type": "ConvNextImageProcessor", "size": 160, "do_rescale": false})"}) {
    CAPTURE(text);
    const Preprocess rule = read(text).rule;
    CHECK(read(hugging_face_preprocess(rule).dump(), "resnet").rule == rule);
  }
  Preprocess oblong;
  oblong.height = 100;
  CHECK_THROWS_WITH(hugging_face_preprocess(oblong), Catch::Contains("a crop that is no square"));
  Preprocess up;
  up.crop_mode = CropMode::kSquash;
  up.crop_pct = 224.0 / 227.5;  // 227, of which a crop would begin at pixel 2 instead of 1
  CHECK_THROWS_WITH(hugging_face_preprocess(up), Catch::Contains("rounded up"));
}

}  // namespace
}  // namespace vitrine
