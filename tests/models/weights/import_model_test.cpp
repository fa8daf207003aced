// Weights of other programs. Every name map is written out here once more, by loops over a
// network's parameters that know the layout, and read back: the values must be the same bits. What
// does not fit must be named. Logits of files that the ecosystems themselves wrote are in
// golden/models (exports); here are the variants that it does not have.

#include "models/weights/checkpoint.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/export_model.hpp"
#include "models/weights/load_model.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// Tensors to be written, with their values.
struct File {
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::vector<float>> values;

  void add(std::string name, std::vector<int64_t> shape, std::vector<float> v) {
    names.push_back(std::move(name));
    shapes.push_back(std::move(shape));
    values.push_back(std::move(v));
  }
  std::string write(const TempDir& dir, const char* file) const {
    std::vector<NamedTensor> tensors;
    tensors.reserve(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      tensors.push_back({names[i], {Dtype::kF32, shapes[i], std::as_bytes(std::span(values[i]))}});
    }
    write_safetensors(dir.file(file), tensors, {});
    return dir.file(file);
  }
};

std::vector<float> floats(const Tensor& t) { return {t.values().begin(), t.values().end()}; }
std::vector<int64_t> dims(const Tensor& t) {
  return {t.shape().dims().begin(), t.shape().dims().end()};
}

/// (rows, columns) -> (columns, rows)
std::vector<float> transposed(const std::vector<float>& v, size_t rows, size_t columns) {
  std::vector<float> out(v.size());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) out[c * rows + r] = v[r * columns + c];
  }
  return out;
}

File timm_file(Model& model, const std::string& prefix) {
  File file;
  model.network->visit([&](const std::string& name, const Parameter& p, Role) {
    file.add(prefix + name, dims(p.value), floats(p.value));
  });
  return file;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

/// As Google's Flax code writes it. Modules of a block are numbered by one counter, or (linen) per
/// class.
File google_file(Model& model, const std::string& prefix, bool linen) {
  const VitConfig& c = as_vit(*model.network).config;
  const auto d = static_cast<size_t>(c.width);
  const int64_t hd = c.width / c.heads;
  File file;
  model.network->visit([&](const std::string& timm, const Parameter& p, Role) {
    const std::vector<float> v = floats(p.value);
    const std::vector<int64_t> shape = dims(p.value);
    std::string name = replaced(timm, "blocks.", "Transformer/encoderblock_");
    name = replaced(name, ".norm1.", "/LayerNorm_0/");
    name = replaced(name, ".norm2.", linen ? "/LayerNorm_1/" : "/LayerNorm_2/");
    name = replaced(name, ".mlp.fc1.", linen ? "/MlpBlock_0/Dense_0/" : "/MlpBlock_3/Dense_0/");
    name = replaced(name, ".mlp.fc2.", linen ? "/MlpBlock_0/Dense_1/" : "/MlpBlock_3/Dense_1/");
    name =
        replaced(name, ".attn.",
                 linen ? "/MultiHeadDotProductAttention_0/" : "/MultiHeadDotProductAttention_1/");
    name = replaced(name, "proj.", "out/");
    const bool norm = timm.find("norm") != std::string::npos;
    const bool weight = timm.ends_with(".weight");
    if (timm == "cls_token") return file.add(prefix + "cls", shape, v);
    if (timm == "pos_embed") {
      return file.add(prefix + "Transformer/posembed_input/pos_embedding", shape, v);
    }
    if (timm.starts_with("patch_embed.")) {
      if (!weight) return file.add(prefix + "embedding/bias", shape, v);
      // (out, in, h, w) -> (h, w, in, out)
      const int64_t area = shape[2] * shape[3];
      std::vector<float> hwio(v.size());
      for (int64_t i = 0; i < static_cast<int64_t>(v.size()); ++i) {
        const int64_t row = i % area * shape[1] + i / area % shape[1];
        hwio[static_cast<size_t>(row * shape[0] + i / area / shape[1])] = v[static_cast<size_t>(i)];
      }
      return file.add(prefix + "embedding/kernel", {shape[2], shape[3], shape[1], shape[0]}, hwio);
    }
    if (timm.starts_with("norm.")) {
      return file.add(prefix + "Transformer/encoder_norm/" + (weight ? "scale" : "bias"), shape, v);
    }
    if (timm.starts_with("head.")) name = replaced(name, "head.", "head/");
    if (const size_t at = name.find("qkv."); at != std::string::npos) {
      for (size_t part = 0; part < 3; ++part) {
        constexpr std::array kParts = {"query/", "key/", "value/"};
        const size_t size = v.size() / 3;
        const auto begin = v.begin() + static_cast<int64_t>(part * size);
        const std::vector<float> rows(begin, begin + static_cast<int64_t>(size));
        const std::string full = prefix + name.substr(0, at) + kParts[part];
        if (weight) {
          file.add(full + "kernel", {c.width, c.heads, hd}, transposed(rows, d, d));
        } else {
          file.add(full + "bias", {c.heads, hd}, rows);
        }
      }
      return;
    }
    if (norm || !weight) {
      return file.add(prefix + replaced(name, norm ? "weight" : "bias", norm ? "scale" : "bias"),
                      shape, v);
    }
    const auto out = static_cast<size_t>(shape[0]);
    const std::vector<float> t = transposed(v, out, v.size() / out);
    if (name.find("/out/") != std::string::npos) {
      return file.add(prefix + replaced(name, "weight", "kernel"), {c.heads, hd, c.width}, t);
    }
    file.add(prefix + replaced(name, "weight", "kernel"), {shape[1], shape[0]}, t);
  });
  return file;
}

/// The blocks of a Google file along a leading axis, as big_vision's scan has them.
File stacked(const File& file) {
  File result;
  const std::string first = "Transformer/encoderblock_0/";
  for (size_t i = 0; i < file.names.size(); ++i) {
    const std::string& name = file.names[i];
    if (name.find("encoderblock_") == std::string::npos) {
      result.add(name, file.shapes[i], file.values[i]);
      continue;
    }
    const size_t at = name.find(first);
    if (at == std::string::npos) continue;
    std::vector<float> all = file.values[i];
    const std::string second = replaced(name, "encoderblock_0", "encoderblock_1");
    const auto other = std::ranges::find(file.names, second) - file.names.begin();
    const std::vector<float>& more = file.values[static_cast<size_t>(other)];
    all.insert(all.end(), more.begin(), more.end());
    std::vector<int64_t> shape = file.shapes[i];
    shape.insert(shape.begin(), 2);
    result.add(replaced(name, "encoderblock_0", "encoderblock"), shape, all);
  }
  return result;
}

void check_same_weights(Model& got, Model& want) {
  std::map<std::string, std::vector<float>> values;
  want.network->visit(
      [&](const std::string& name, const Parameter& p, Role) { values[name] = floats(p.value); });
  size_t count = 0;
  got.network->visit([&](const std::string& name, const Parameter& p, Role) {
    ++count;
    CAPTURE(name);
    REQUIRE(values.contains(name));
    CHECK(values[name] == floats(p.value));
  });
  CHECK(count == values.size());
}

std::string message_of(const std::string& path) {
  try {
    load_model(path);
  } catch (const Error& e) {
    return e.what();
  }
  return "loaded";
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("timm weights behind every kind of wrapper", "[models][import]") {
  const TempDir dir;
  Model model = test::initialized_model(test::small_vit_config());
  for (const char* prefix : {"", "module.", "_orig_mod.", "state_dict/", "model/module.",
                             "teacher/backbone.", "state_dict/model."}) {
    CAPTURE(prefix);
    File file = timm_file(model, prefix);
    if (*prefix != '\0') file.add("optimizer/state", {1}, {1});
    Model got = load_model(file.write(dir, "w.safetensors"));
    check_same_weights(got, model);
    CHECK(as_vit(*got.network).config.to_json() == as_vit(*model.network).config.to_json());
    CHECK(got.notes.size() >= 2);
  }
}

TEST_CASE("averaged weights come first, as timm has it", "[models][import]") {
  const TempDir dir;
  Model model = test::initialized_model(test::small_vit_config());
  Model average = test::initialized_model(test::small_vit_config());
  average.network->initialize(8);
  File file = timm_file(model, "state_dict/");
  const File more = timm_file(average, "state_dict_ema/");
  for (size_t i = 0; i < more.names.size(); ++i) {
    file.add(more.names[i], more.shapes[i], more.values[i]);
  }
  Model got = load_model(file.write(dir, "w.safetensors"));
  check_same_weights(got, average);
}

TEST_CASE("Google's names: both numberings, prefixes, stacked blocks", "[models][import]") {
  const TempDir dir;
  Model model = test::initialized_model(test::small_vit_config());
  for (const char* prefix : {"", "opt/target/", "params/", "params/img/"}) {
    for (const bool linen : {false, true}) {
      CAPTURE(prefix, linen);
      Model got = load_model(google_file(model, prefix, linen).write(dir, "w.safetensors"));
      check_same_weights(got, model);
      CHECK(as_vit(*got.network).config.activation == Activation::kGeluTanh);
      CHECK(got.preprocess.crop_mode == CropMode::kSquash);
    }
  }
  Model got = load_model(stacked(google_file(model, "params/", true)).write(dir, "w.safetensors"));
  check_same_weights(got, model);
}

TEST_CASE("shapes that no network has are refused before they are used",
          "[models][import][errors]") {
  constexpr int64_t kMost = int64_t{1} << 54;
  const TempDir dir;
  Model model = test::initialized_model(test::small_vit_config());
  const std::vector<std::pair<std::string, std::vector<int64_t>>> cases = {
      {"blocks.0.mlp.fc2.weight", {0, kMost}},
      {"reg_token", {0, kMost, 0}},
      {"head.weight", {kMost, 0}},
      {"pos_embed", {0, kMost, 8}},
      {"patch_embed.proj.weight", {kMost, 0, 4, 4}}};
  for (const auto& [name, shape] : cases) {
    CAPTURE(name);
    File file = timm_file(model, "");
    const auto at = static_cast<size_t>(std::ranges::find(file.names, name) - file.names.begin());
    if (at == file.names.size()) {
      file.add(name, shape, {});
    } else {
      file.shapes[at] = shape;
      file.values[at].clear();
    }
    CHECK(says(message_of(file.write(dir, "w.safetensors")), name + " has a dimension of"));
  }
  // More axes than a tensor can have here.
  File file = timm_file(model, "");
  file.add("extra", {1, 1, 1, 1, 1, 1, 1}, {1});
  CHECK(says(message_of(file.write(dir, "w.safetensors")), "extra extra"));
  // Every one would be cut into a thousand.
  File blocks = stacked(google_file(model, "params/", true));
  for (int i = 0; i < 100; ++i) {
    blocks.add("params/Transformer/encoderblock/x" + std::to_string(i), {1024, 0}, {});
  }
  CHECK(says(message_of(blocks.write(dir, "w.safetensors")), "too_large"));
}

TEST_CASE("Hugging Face folders there and back, bit for bit", "[models][import]") {
  const TempDir dir;
  std::vector<VitConfig> configs(7, test::small_vit_config());
  configs[0].activation = Activation::kGeluTanh;
  configs[0].norm_eps = 1e-12;
  configs[1].distilled = true;
  configs[2].layer_scale = 1e-5;
  configs[2].classes = 0;
  configs[2].mlp_ratio = 3;  // transformers wants a whole number
  configs[3].pre_norm = true;
  configs[3].patch_bias = false;
  configs[3].activation = Activation::kQuickGelu;
  configs[4].classes = 0;
  configs[4].heads = 4;
  configs[4].qkv_bias = false;
  configs[5].registers = 1;  // DeiT's second token with one head
  configs[6].layer_scale = 1e-5;
  configs[6].pool = Pool::kTokenMean;
  configs[6].mlp_ratio = 2;
  for (const VitConfig& config : configs) {
    Model model = test::initialized_model(config);
    model.preprocess.crop_pct = 0.75;
    model.preprocess.crop_rounding = CropRounding::kDown;
    if (config.classes > 0) model.labels = {"a", "b", "c", "d", "\u00e9"};
    save_hugging_face(dir.file("hf"), model);
    Model got = load_model(dir.file("hf"));
    check_same_weights(got, model);
    CHECK(as_vit(*got.network).config.to_json() == as_vit(*model.network).config.to_json());
    CHECK(got.preprocess == model.preprocess);
    if (!config.pre_norm) CHECK(got.labels == model.labels);
    save_model(dir.file("timm.safetensors"), got);
    Model again = load_model(dir.file("timm.safetensors"));
    check_same_weights(again, model);
  }
  VitConfig other = test::small_vit_config();
  other.qk_norm = true;
  CHECK_THROWS_AS(save_hugging_face(dir.file("none"), test::initialized_model(other)), UsageError);
  CHECK(!std::filesystem::exists(dir.file("none")));
}

TEST_CASE("DINOv2 with registers: the class token's position is folded", "[models][import]") {
  const TempDir dir;
  VitConfig config = test::small_vit_config();
  config.classes = 0;
  config.layer_scale = 1e-5;
  config.registers = 3;
  config.no_embed_class = true;
  Model model = test::initialized_model(config);
  File file = timm_file(model, "");
  std::vector<float> position(128, 0.25F);
  for (size_t i = 0; i < file.names.size(); ++i) {
    if (file.names[i] == "reg_token") file.names[i] = "register_tokens";
    if (file.names[i] != "pos_embed") continue;
    file.values[i].insert(file.values[i].begin(), position.begin(), position.end());
    ++file.shapes[i][1];
  }
  file.add("mask_token", {1, 128}, position);
  Model got = load_model(file.write(dir, "w.safetensors"));
  const std::vector<float> token = floats(as_vit(*got.network).cls_token.value);
  const std::vector<float> before = floats(as_vit(*model.network).cls_token.value);
  for (size_t i = 0; i < token.size(); ++i) CHECK(token[i] == before[i] + 0.25F);
  CHECK(floats(as_vit(*got.network).pos_embed.table.value) ==
        floats(as_vit(*model.network).pos_embed.table.value));
  CHECK(as_vit(*got.network).config.no_embed_class);
}

TEST_CASE("weights that do not fit say which tensors and why", "[models][import][errors]") {
  const TempDir dir;
  Model model = test::initialized_model(test::small_vit_config());
  const auto changed = [&](auto change) {
    File file = timm_file(model, "");
    change(file);
    return message_of(file.write(dir, "w.safetensors"));
  };
  const auto at = [](File& f, const char* name) {
    return static_cast<size_t>(std::ranges::find(f.names, name) - f.names.begin());
  };
  CHECK(changed([](File&) {}) == "loaded");
  CHECK(says(changed([&](File& f) { f.names[at(f, "norm.bias")] = "norm.offset"; }),
             "missing norm.bias; extra norm.offset"));
  CHECK(says(changed([&](File& f) { f.shapes[at(f, "blocks.1.attn.proj.weight")] = {64, 256}; }),
             "blocks.1.attn.proj.weight is (64, 256), wanted (128, 128)"));
  CHECK(says(changed([&](File& f) { f.names[at(f, "patch_embed.proj.weight")] = "x"; }),
             "no network that is known"));
  CHECK(says(changed([&](File& f) {
               const size_t i = at(f, "pos_embed");
               f.shapes[i] = {1, 8, 160};
             }),
             "pos_embed"));
  // A file of a few hundred kilobytes that would be gigabytes of network, if it were believed.
  File huge;
  huge.add("patch_embed.proj.weight", {16384, 1, 1, 1}, std::vector<float>(16384));
  huge.add("pos_embed", {1, 1, 16384}, std::vector<float>(16384));
  for (int i = 0; i < 100; ++i) huge.add("blocks." + std::to_string(i) + ".norm1.weight", {1}, {0});
  huge.add("blocks.0.mlp.fc1.weight", {16384, 1}, std::vector<float>(16384));
  huge.add("blocks.0.mlp.fc2.weight", {1, 16384}, std::vector<float>(16384));
  CHECK(says(message_of(huge.write(dir, "huge.safetensors")), "the file holds"));
  // Parts of a matrix.
  File parts = google_file(model, "", true);
  for (std::string& name : parts.names) name = replaced(name, "/value/kernel", "/values/kernel");
  CHECK(says(message_of(parts.write(dir, "parts.safetensors")), "is made of 2 tensors"));
}

TEST_CASE("configurations beside the weights", "[models][import]") {
  const TempDir dir;
  VitConfig config = test::small_vit_config();
  config.heads = 4;
  config.norm_eps = 1e-5;
  config.pool = Pool::kMean;
  Model model = test::initialized_model(config);
  timm_file(model, "").write(dir, "model.safetensors");
  dir.add("config.json",
          R"({"architecture": "vit_tiny_patch16_224", "num_classes": 5, "global_pool": "avg",
              "model_args": {"embed_dim": 128, "depth": 2, "num_heads": 4, "patch_size": 4,
                             "mlp_ratio": 1.5},
              "pretrained_cfg": {"input_size": [3, 14, 15], "interpolation": "bilinear",
                                 "crop_pct": 0.95, "mean": [0, 0, 0], "std": [1, 1, 1]},
              "label_names": ["n1", "n2", "n3", "n4", "n5"],
              "label_descriptions": {"n1": "tench"}})");
  Model got = load_model(dir.path());
  check_same_weights(got, model);
  CHECK(as_vit(*got.network).config.heads == 4);
  CHECK(as_vit(*got.network).config.pool == Pool::kMean);
  CHECK(as_vit(*got.network).config.image_height == 14);  // what does not fill a patch is cut off
  CHECK(as_vit(*got.network).config.image_width == 15);
  CHECK(got.preprocess.crop_pct == 0.95);
  CHECK(got.preprocess.width == 15);
  CHECK(got.labels == std::vector<std::string>{"tench", "n2", "n3", "n4", "n5"});

  for (const char* bad :
       {R"("pretrained_cfg": 3)", R"("label_names": [1])", R"("model_args": {"img_size": "big"})",
        R"("model_args": {"embed_dim": 128, "num_heads": -3})"}) {
    CAPTURE(bad);
    dir.add("config.json", R"({"architecture": "vit_tiny_patch16_224", )" + std::string(bad) + "}");
    CHECK_THROWS_AS(load_model(dir.path()), FormatError);
  }
}
