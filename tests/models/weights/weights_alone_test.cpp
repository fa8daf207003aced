// Weights without a configuration beside them: which network of several is taken, what its tensors
// tell of its family, and what is refused by name. Also open_clip's folders.

#include <catch2/catch.hpp>

#include <filesystem>
#include <functional>

#include "core/error.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/source_facts.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

struct File {
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::vector<float>> values;

  void add(const std::string& name, const std::vector<int64_t>& shape, float first = 0) {
    int64_t size = 1;
    for (const int64_t n : shape) size *= n;
    names.push_back(name);
    shapes.push_back(shape);
    values.emplace_back(static_cast<size_t>(size), first);
  }
  /// A network under timm's names, or as `rename` has them.
  void add(Model& model, const std::function<std::string(const std::string&)>& rename) {
    model.network->visit([&](const std::string& name, const Parameter& p, Role) {
      const std::string theirs = rename(name);
      if (theirs.empty()) return;
      names.push_back(theirs);
      shapes.emplace_back(p.value.shape().dims().begin(), p.value.shape().dims().end());
      values.emplace_back(p.value.values().begin(), p.value.values().end());
    });
  }
  void add_with(Model& model, const std::string& prefix) {
    add(model, [&](const std::string& name) { return prefix + name; });
  }
  void write(const std::string& path) const {
    std::vector<NamedTensor> tensors;
    tensors.reserve(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      tensors.push_back({names[i], {Dtype::kF32, shapes[i], std::as_bytes(std::span(values[i]))}});
    }
    write_safetensors(path, tensors, {});
  }
};

Model read(const TempDir& dir, const File& file, const char* name = "w.safetensors") {
  file.write(dir.file(name));
  return load_model(dir.file(name));
}

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

bool notes(const Model& model, const std::string& what) {
  return std::ranges::any_of(model.notes, [&](const std::string& note) { return has(note, what); });
}

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const FormatError& e) {
    return e.what();
  }
  return "";
}

/// The first number of a vector by which networks are told apart.
float first_bias(Model& model) {
  float value = 0;
  model.network->visit([&](const std::string& name, const Parameter& p, Role) {
    if (name == "norm.bias") value = p.value.values()[0];
  });
  return value;
}

Model model_with(float bias, VitConfig config = small_vit_config()) {
  config.classes = 0;
  Model model = initialized_model(config);
  model.network->visit([&](const std::string& name, Parameter& p, Role) {
    if (name == "norm.bias") p.value.mutable_data()[0] = bias;
  });
  return model;
}

/// A small tower of CLIP under the names of OpenAI and open_clip.
File clip_file() {
  VitConfig config = small_vit_config();
  config.pre_norm = true;
  config.patch_bias = false;
  Model model = initialized_model(config);
  File file;
  const std::vector<std::pair<std::string, std::string>> parts = {
      {"patch_embed.proj.", "conv1."},
      {"norm_pre.", "ln_pre."},
      {"blocks.", "transformer.resblocks."},
      {".norm1.", ".ln_1."},
      {".norm2.", ".ln_2."},
      {".attn.qkv.", ".attn.in_proj_"},
      {".attn.proj.", ".attn.out_proj."},
      {".mlp.fc1.", ".mlp.c_fc."},
      {".mlp.fc2.", ".mlp.c_proj."},
      {"cls_token", "class_embedding"},
      {"pos_embed", "positional_embedding"}};
  file.add(model, [&](std::string name) -> std::string {
    if (name.starts_with("head.")) return "";
    if (name.starts_with("norm.")) name = "ln_post." + name.substr(5);
    for (const auto& [ours, theirs] : parts) {
      if (const size_t at = name.find(ours); at != std::string::npos) {
        name.replace(at, ours.size(), theirs);
      }
    }
    return "visual." + name;
  });
  file.add("visual.proj", {128, 5}, 0.1F);
  file.add("logit_scale", {1});
  file.add("text.transformer.resblocks.0.ln_1.weight", {4});
  return file;
}

constexpr const char* kVision =
    R"("width": 128, "layers": 2, "patch_size": 4, "image_size": 12, "mlp_ratio": 1.5)";

std::string open_clip(const std::string& vision, const std::string& model = "",
                      const std::string& preprocess = "") {
  return R"({"model_cfg": {"embed_dim": 5, "text_cfg": {"width": 4}, "vision_cfg": {)" +
         std::string(kVision) + vision + "}" + model + R"(}, "preprocess_cfg": {)" + preprocess +
         "}}";
}

}  // namespace

TEST_CASE("the teacher is taken before the student, whatever comes first", "[models][import]") {
  const TempDir dir;
  Model teacher = model_with(3);
  Model student = model_with(5);
  for (const std::string level : {"", "model/", "state_dict/module."}) {
    for (const bool teacher_first : {false, true}) {
      CAPTURE(level, teacher_first);
      File file;
      if (teacher_first) file.add_with(teacher, level + "teacher.backbone.");
      file.add_with(student, level + "student.backbone.");
      if (!teacher_first) file.add_with(teacher, level + "teacher.backbone.");
      file.add(level + "student.dino_head.mlp.0.weight", {2, 2});
      Model got = read(dir, file);
      CHECK(first_bias(got) == 3);
      CHECK(
          notes(got, "another network in the file is left out: '" + level + "student.backbone.'"));
    }
  }
  File alone;
  alone.add_with(student, "student.");
  Model got = read(dir, alone);
  CHECK(first_bias(got) == 5);
  CHECK(!notes(got, "another network"));
}

TEST_CASE("DeiT and DINOv2 have ImageNet's mean and deviation", "[models][import]") {
  const TempDir dir;
  const std::vector<double> imagenet = {0.485, 0.456, 0.406};
  VitConfig deit = small_vit_config();
  deit.distilled = true;
  Model distilled = initialized_model(deit);
  File file;
  file.add_with(distilled, "model/");
  const Model got = read(dir, file);
  CHECK(got.preprocess.mean == imagenet);
  CHECK(notes(got, "habits of DeiT"));

  VitConfig dino = small_vit_config();
  dino.patch_height = dino.patch_width = 14;
  dino.image_height = dino.image_width = 28;
  dino.layer_scale = 1e-5;
  Model base = model_with(1, dino);
  File plain;
  plain.add_with(base, "");
  CHECK(read(dir, plain).preprocess.mean == std::vector<double>{0.5, 0.5, 0.5});
  plain.add("mask_token", {1, 128});
  const Model dinov2 = read(dir, plain);
  CHECK(dinov2.preprocess.mean == imagenet);
  CHECK(notes(dinov2, "habits of DINOv2"));
}

TEST_CASE("CLIP's ResNets are refused by name", "[models][import]") {
  const TempDir dir;
  for (const std::string prefix : {"", "visual.", "module.visual."}) {
    File file;
    file.add(prefix + "conv1.weight", {32, 3, 3, 3});
    file.add(prefix + "layer1.0.conv1.weight", {64, 64, 1, 1});
    file.add(prefix + "attnpool.positional_embedding", {50, 64});
    CHECK(has(error_of([&] { read(dir, file); }), "a ResNet of CLIP's with attention pooling"));
  }
}

TEST_CASE("open_clip_config.json decides GELU, heads and preprocessing", "[models][import]") {
  const TempDir dir;
  const File file = clip_file();
  Model alone = read(dir, file, "ViT-B-32.safetensors");
  CHECK(as_vit(*alone.network).config.activation == Activation::kQuickGelu);
  CHECK(notes(alone, "weights do not show which GELU"));
  std::filesystem::remove(dir.file("ViT-B-32.safetensors"));
  // Most of open_clip's have the other one.
  CHECK(has(error_of([&] { read(dir, file, "open_clip_model.safetensors"); }),
            "open_clip_config.json, which is not beside it"));

  const auto with = [&](const std::string& config) {
    dir.add("open_clip_config.json", config);
    return load_model(dir.path());  // the folder opens, too
  };
  const auto vit = [](const Model& model) { return as_vit(*model.network).config; };
  const Model gelu = with(open_clip("", "", R"("mean": [0.1, 0.2, 0.3], "std": 0.25)"));
  CHECK(vit(gelu).activation == Activation::kGelu);
  CHECK(vit(gelu).norm_eps == 1e-5);
  CHECK(vit(gelu).heads == 2);
  CHECK(gelu.preprocess.mean == std::vector<double>{0.1, 0.2, 0.3});
  CHECK(gelu.preprocess.stddev == std::vector<double>{0.25, 0.25, 0.25});
  CHECK(gelu.preprocess.crop_pct == 1);
  CHECK(!notes(gelu, "weights do not show which GELU"));
  CHECK(vit(with(open_clip("", R"(, "quick_gelu": true)"))).activation == Activation::kQuickGelu);
  CHECK(vit(with(open_clip(R"(, "head_width": 32)"))).heads == 4);
  CHECK(vit(with(open_clip(R"(, "norm_kwargs": {"eps": 1e-6})"))).norm_eps == 1e-6);
  CHECK(vit(with(open_clip(R"(, "act_kwargs": {"approximate": "tanh"})"))).activation ==
        Activation::kGeluTanh);
  const Model squash = with(open_clip(
      "", "",
      R"("resize_mode": "squash", "interpolation": "bilinear", "size": 12, "mode": "RGB")"));
  CHECK(squash.preprocess.crop_mode == CropMode::kSquash);
  CHECK(squash.preprocess.interpolation == ResizeFilter::kBilinear);
}

TEST_CASE("open_clip_config.json is read completely or refused", "[models][import]") {
  const auto refusal = [](const std::string& config) {
    return error_of([&] { facts_of_open_clip(config, "c.json"); });
  };
  CHECK(refusal(open_clip(R"(, "patch_dropout": 0.5)", R"(, "custom_text": true)")) == "");
  struct Refused {
    const char *vision, *model, *preprocess, *says;
  };
  for (const Refused& r : std::vector<Refused>{
           {R"(, "pool_type": "avg")", "", "", "vision_cfg.pool_type is \"avg\""},
           {R"(, "layers": [3, 4, 6, 3])", "", "", "vision_cfg.layers is [3,4,6,3]"},
           {R"(, "no_ln_pre": true)", "", "", "vision_cfg.no_ln_pre is true"},
           {R"(, "ls_init_value": 0.1)", "", "", "vision_cfg.ls_init_value is 0.1"},
           {R"(, "timm_model_name": "vit_x")", "", "", "vision_cfg.timm_model_name is \"vit_x\""},
           {R"(, "attentional_pool": true)", "", "", "vision_cfg.attentional_pool is true"},
           {R"(, "act_kwargs": {"beta": 2})", "", "", "act_kwargs.beta is 2"},
           {"", R"(, "multimodal_cfg": {})", "", "model_cfg.multimodal_cfg is {}"},
           {"", "", R"("resize_mode": "longest")", "preprocess_cfg.resize_mode is \"longest\""},
           {"", "", R"("fill_color": 9)", "preprocess_cfg.fill_color is 9"}}) {
    CAPTURE(r.says);
    CHECK(has(refusal(open_clip(r.vision, r.model, r.preprocess)), r.says));
  }
  CHECK(has(refusal("{}"), "model_cfg is missing"));
  // What weights show must be so.
  const TempDir dir;
  clip_file().write(dir.file("open_clip_model.safetensors"));
  dir.add("open_clip_config.json", R"({"model_cfg": {"embed_dim": 5, "vision_cfg": {"width": 128,
      "layers": 3, "patch_size": 4, "image_size": 12, "mlp_ratio": 1.5}}})");
  CHECK(has(error_of([&] { load_model(dir.path()); }), "depth 3, the weights show 2"));
}
