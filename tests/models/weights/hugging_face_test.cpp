// Folders of Hugging Face: what config.json says is read, compared with the weights, or refused by
// name. Right answers are those of transformers 5.24, compared end to end in
// tests/program/test_transformers.py; image processors have image_processor_test.cpp.

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/weights/export_model.hpp"
#include "models/weights/hugging_face_preprocess.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/resize_model.hpp"
#include "models/weights/source_facts.hpp"
#include "tests/error_of.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using nlohmann::json;
using test::error_of;
using test::TempDir;

SourceFacts facts(const std::string& config, const std::string& processor = "") {
  return facts_of_hugging_face(config, processor, "m/config.json");
}

TEST_CASE("config.json: what is not known and could change the answer is refused by name",
          "[models][import][errors]") {
  const std::vector<std::pair<std::string, std::string>> configs = {
      {R"({"model_type": "swin"})", R"(model_type is "swin"; known are vit, )"},
      {R"({"model_type": "vit", "architectures": ["SwinModel"]})",
       R"(architectures is ["SwinModel"]; known for model_type vit are ViTModel)"},
      {R"({"model_type": "vit", "architectures": ["ViTModel", "ViTForImageClassification"]})",
       "architectures is"},
      {R"({"model_type": "deit", "architectures": ["ViTModel"]})", R"(["ViTModel"])"},
      {R"({"model_type": "dinov2", "architectures": ["Dinov2Backbone"]})",
       R"(is ["Dinov2Backbone"]; known for model_type dinov2 are Dinov2Model, )"},
      {R"({"model_type": "vit", "hidden_act": "mish"})", R"(hidden_act is "mish"; known are gelu)"},
      {R"({"model_type": "vit", "layer_norm_eps": "small"})", "layer_norm_eps is"},
      {R"({"model_type": "vit", "rope_theta": 100.0})", "rope_theta is 100.0; not known"},
      {R"({"model_type": "vit", "pruned_heads": {"0": [1]}})", "pruned_heads is"},
      {R"({"model_type": "vit", "image_size": {"height": 3}})", "image_size is"},
      {R"({"model_type": "vit", "num_channels": 0})", "num_channels is 0"},
      {R"({"model_type": "vit", "problem_type": "multi_label_classification"})", "problem_type is"},
      {R"({"model_type": "vit", "id2label": ["a", "b"]})", "id2label is"},
      {R"({"model_type": "vit", "id2label": {"first": "a"}})", "\"first\" is no number"},
      {R"({"model_type": "vit", "id2label": {"0": ["a"]}})", "name of class 0 is no text"},
      {R"({"model_type": "dinov3_vit", "key_bias": true})", "key_bias is true"},
      {R"({"model_type": "dinov3_vit", "rope_theta": 0})", "rope_theta is 0"},
      {R"({"model_type": "siglip2_vision_model"})", R"(model_type is "siglip2_vision_model")"},
      {R"({"model_type": "siglip_vision_model", "architectures": ["SiglipVisionModel"],
           "vision_use_head": false})",
       "vision_use_head is false"},
      {R"({"model_type": "beit", "architectures": ["BeitForSemanticSegmentation"]})",
       "BeitForSemanticSegmentation"},
      {R"({"model_type": "resnet", "embedding_size": 16})", "embedding_size is 16"},
      {R"({"model_type": "resnet", "downsample_in_first_stage": true})",
       "downsample_in_first_stage"},
      {R"({"model_type": "resnet", "hidden_act": "gelu"})", "hidden_act is"},
      {R"({"model_type": "bit", "output_stride": 16})", "output_stride is 16"},
      {R"({"model_type": "bit", "global_padding": "VALID"})", R"(global_padding is "VALID")"},
      {R"({"model_type": "bit", "embedding_dynamic_padding": true})", "embedding_dynamic_padding"},
      {R"({"model_type": "bit", "width_factor": 3})", "width_factor is 3"},
      {R"({"model_type": "vit-hybrid", "backbone_config": {"model_type": "resnet"}})",
       R"(backbone_config.model_type is "resnet")"},
      {R"({"model_type": "vit-hybrid", "backbone_config": {"dilation": 2}})",
       "backbone_config.dilation is 2"},
      {R"({"model_type": "clip", "text_config": {}})", "vision_config is missing"},
      {R"({"model_type": "clip", "vision_config": {}, "new": 1})", "new is 1"},
      {R"({"model_type": "clip", "vision_config": {"new": 1}})", "new is 1"},
  };
  for (const auto& [text, words] : configs) {
    CAPTURE(text);
    const std::string said = error_of([&, &config = text] { facts(config); });
    CHECK_THAT(said, Catch::Contains(words));
    CHECK_THAT(said, Catch::StartsWith("m/config.json"));
  }
  // A processor's file is named as its own.
  CHECK_THAT(error_of([] { facts(R"({"model_type": "vit"})", R"({"size": {}})"); }),
             Catch::StartsWith("m/preprocessor_config.json"));
  CHECK_THAT(error_of([] {
               facts_of_hugging_face(R"({"model_type": "vit"})", "", "m/config.json",
                                     R"({"image_processor": {"do_flip": true}})");
             }),
             Catch::StartsWith("m/processor_config.json") &&
                 Catch::Contains("image_processor.do_flip is true"));
}

TEST_CASE("config.json: what changes nothing is passed over", "[models][import]") {
  const SourceFacts vit =
      facts(R"({"model_type": "vit", "architectures": null, "torch_dtype": "float16",
      "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "encoder_stride": 16, "is_decoder": false,
      "pooler_act": "tanh", "pruned_heads": {}, "label2id": {"x": 3}, "num_labels": 2,
      "num_attention_heads": 4, "layer_norm_eps": 1e-7})");
  CHECK(vit.heads == 4);
  CHECK(vit.norm_eps == 1e-7);
  CHECK(vit.pool == Pool::kToken);
  CHECK(facts(R"({"model_type": "dinov2", "architectures": ["Dinov2ForImageClassification"]})")
            .pool == Pool::kTokenMean);
  CHECK(facts(R"({"model_type": "clip", "architectures": ["CLIPForImageClassification"],
                  "vision_config": {}})")
            .pool == Pool::kRawMean);
  // The tower of a whole CLIP; the second of two descriptions wins.
  const SourceFacts clip = facts(R"({"model_type": "clip", "architectures": ["CLIPModel"],
      "text_config": {"anything": 1}, "logit_scale_init_value": 2.6, "projection_dim": 512,
      "vision_config": {"hidden_act": "quick_gelu", "model_type": "clip_vision_model", "top_p": 1.0},
      "vision_config_dict": {"hidden_act": "gelu", "num_attention_heads": 16}})");
  CHECK(clip.activation == Activation::kGelu);
  CHECK(clip.heads == 16);
}

TEST_CASE("config.json: labels by the numbers of classes, or none and a note", "[models][import]") {
  const auto labels = [](const std::string& names) {
    return facts(R"({"model_type": "vit", "id2label": )" + names + "}");
  };
  CHECK(labels(R"({"1": "b", "10": "k", "0": "a"})").labels.empty());
  CHECK(labels(R"({"1": "b", "2": "c", "0": "a"})").labels ==
        std::vector<std::string>{"a", "b", "c"});
  CHECK(labels(R"({"0": 7, "1": "\u00e9"})").labels == std::vector<std::string>{"7", "\u00e9"});
  CHECK(labels("null").notes.empty());
  for (const char* names : {R"({"1": "a", "2": "b"})", R"({"0": "a", "1": "b", "7": "c"})"}) {
    const SourceFacts f = labels(names);
    CHECK(f.labels.empty());
    REQUIRE(f.notes.size() == 1);
    CHECK_THAT(f.notes[0], Catch::Contains("its labels are left out"));
  }
}

/// A folder with a small network, its config.json changed.
class Folder {
 public:
  explicit Folder(const VitConfig& config) {
    Model model = test::initialized_model(config);
    model.preprocess.crop_rounding = CropRounding::kDown;
    save_hugging_face(dir_.path(), model);
    const std::vector<std::byte> bytes = read_file(dir_.file("config.json"), 1 << 20);
    config_ = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  std::string error_with(const char* key, const json& value) {
    json changed = config_;
    changed[key] = value;
    dir_.add("config.json", changed.dump());
    return error_of([&] { load_model(dir_.path()); });
  }
  const TempDir& dir() const { return dir_; }

 private:
  TempDir dir_;
  json config_;
};

TEST_CASE("config.json that contradicts the weights is refused by key and value",
          "[models][import][errors]") {
  Folder vit(test::small_vit_config());
  CHECK(vit.error_with("hidden_size", 128) == "nothing was refused");
  for (const auto& [key, value, words] : std::vector<std::tuple<const char*, json, const char*>>{
           {"hidden_size", 64, "hidden_size is 64, in the weights it is 128"},
           {"num_hidden_layers", 1, "num_hidden_layers is 1, in the weights it is 2"},
           {"intermediate_size", 256, "intermediate_size is 256"},
           {"patch_size", 2, "patch_size is [2,2], in the weights it is [4,4]"},
           {"qkv_bias", false, "qkv_bias is false"},
           {"num_channels", 1, "num_channels 1"},
           {"model_type", "deit", "architectures is"},
           {"architectures", {"ViTModel"}, "without a classifier; the weights have one"}}) {
    CAPTURE(key);
    CHECK_THAT(vit.error_with(key, value),
               Catch::Contains(words) && Catch::Contains("config.json"));
  }
  VitConfig distilled = test::small_vit_config();
  distilled.distilled = true;
  CHECK_THAT(Folder(distilled).error_with("architectures", {"DeiTForImageClassification"}),
             Catch::Contains("with one classifier; the weights have a distillation_classifier"));
  VitConfig lone = test::small_vit_config();
  lone.registers = 1;
  CHECK_THAT(Folder(lone).error_with("architectures", {"DeiTForImageClassificationWithTeacher"}),
             Catch::Contains("with a distillation_classifier; the weights have none"));
  VitConfig both = test::small_vit_config();
  both.layer_scale = 1e-5;
  both.pool = Pool::kTokenMean;
  both.mlp_ratio = 2;
  Folder dinov2(both);
  CHECK(dinov2.error_with("mlp_ratio", 2) == "nothing was refused");
  CHECK_THAT(dinov2.error_with("mlp_ratio", 3), Catch::Contains("mlp_ratio is 3"));
  CHECK_THAT(dinov2.error_with("architectures", {"Dinov2Model"}),
             Catch::Contains("without a classifier; the weights have one"));
  VitConfig headless = test::small_vit_config();
  headless.classes = 0;
  CHECK_THAT(Folder(headless).error_with("architectures", {"ViTForImageClassification"}),
             Catch::Contains("with a classifier; the weights have none"));
}

TEST_CASE("a network sees the size of its processor's pictures", "[models][import]") {
  VitConfig config = test::small_vit_config();
  config.classes = 0;
  const Folder folder(config);
  folder.dir().add("preprocessor_config.json",
                   R"({"image_processor_type": "ViTImageProcessor", "size": 8})");
  Model model = load_model(folder.dir().path());
  CHECK(model.network->network_config().image_height == 12);  // as it is written again
  CHECK(model.preprocess.height == 8);
  Model seen = load_frozen_model(folder.dir().path());
  fit_to_pictures(seen);
  CHECK(seen.network->network_config().image_height == 8);
  CHECK_THAT(seen.notes.back(), Catch::Contains("(bicubic)"));
  resize_model(model, 8, 8, "bicubic");
  const Tensor image = preprocess(Image{9, 11, 3, std::vector<uint8_t>(297, 77)}, model.preprocess);
  const Tensor a = (*seen.network)(image);
  const Tensor b = (*model.network)(image);
  for (int64_t i = 0; i < a.numel(); ++i) CHECK(a.data()[i] == Approx(b.data()[i]).margin(1e-5));

  // Its own size is asked for.
  Model own = load_model(folder.dir().path());
  resize_model(own, 12, 12);
  CHECK(own.preprocess.height == 12);
  folder.dir().add("preprocessor_config.json",
                   R"({"image_processor_type": "ViTImageProcessor", "size": 9})");
  Model broken = load_model(folder.dir().path());
  CHECK_THROWS_WITH(fit_to_pictures(broken), Catch::Contains("makes pictures of 9 x 9 pixels"));
}

TEST_CASE("what is written for Hugging Face says which crops differ", "[models][import]") {
  const TempDir dir;
  Model model = test::initialized_model();
  CHECK_THAT(save_hugging_face(dir.path(), model).back(), Catch::Contains("one pixel earlier"));
  model.preprocess.crop_rounding = CropRounding::kDown;
  CHECK(save_hugging_face(dir.path(), model).empty());
}

}  // namespace
}  // namespace vitrine
