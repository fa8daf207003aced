// Folders of timm: what config.json says is read completely or refused by name, and before any
// tensor is looked at.

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/resnet.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "models/weights/source_facts.hpp"
#include "models/weights/timm_networks.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

std::string config_of(const std::string& architecture, const std::string& more) {
  return R"({"architecture": ")" + architecture + "\"" + more + "}";
}

SourceFacts facts_of(const std::string& architecture, const std::string& more,
                     const char* origin = "timm") {
  return facts_of_timm(config_of(architecture, more), origin, "c.json");
}

/// What a configuration is refused with; empty if it is not.
std::string refusal(const std::string& architecture, const std::string& more) {
  try {
    facts_of(architecture, more);
  } catch (const FormatError& e) {
    CHECK(e.kind() == FormatKind::kUnsupported);
    return e.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

/// A folder of timm's with a small network, read again.
struct Folder {
  TempDir dir;

  explicit Folder(Model& model) {
    std::vector<NamedTensor> tensors;
    model.network->visit([&](const std::string& name, const Parameter& p, Role) {
      tensors.push_back({name, raw_tensor(p.value)});
    });
    write_safetensors(dir.file("model.safetensors"), tensors, {});
  }
  Model load(const std::string& architecture, const std::string& more) {
    dir.add("config.json", config_of(architecture, more));
    return load_model(dir.path());
  }
  std::string error(const std::string& architecture, const std::string& more) {
    try {
      load(architecture, more);
    } catch (const FormatError& e) {
      return e.what();
    }
    return "";
  }
};

constexpr const char* kSmall =
    R"(, "model_args": {"embed_dim": 128, "depth": 2, "num_heads": 2, "img_size": 12,
        "patch_size": 4, "mlp_ratio": 1.5}, "num_classes": 5)";

}  // namespace

TEST_CASE("architectures of timm: exact ones are known, all others refused by name", "[models]") {
  for (const char* name : {"vit_base_patch16_224",
                           "vit_so400m_patch14_siglip_gap_224",
                           "deit3_small_patch16_384",
                           "resnext50_32x4d",
                           "wide_resnet101_2",
                           "resnet50.a1_in1k",
                           "resnetv2_50x1_bit",
                           "seresnet18.ra2_in1k",
                           "ecaresnet26t",
                           "resnet50_gn",
                           "resnetrs50",
                           "resnetv2_50",
                           "vit_so150m2_patch16_reg1_gap_384",
                           "vit_large_r50_s32_384",
                           "vit_small_patch16_dinov3",
                           "vit_base_patch16_rope_224",
                           "vit_base_patch16_rpn_224",
                           "vit_base_patch16_siglip_224.v2_webli",
                           "vit_giant_patch14_dinov2",
                           "test_vit4",
                           "beit_base_patch16_224",
                           "eva_giant_patch14_224",
                           "eva02_tiny_patch14_224"}) {
    CAPTURE(name);
    CHECK(timm_network(name) != nullptr);
  }
  for (const char* name :
       {"vit_dwee_patch16_reg1_gap_256", "resnetaa50", "resnetblur18", "skresnet18",
        "ecaresnet50d_pruned", "legacy_seresnet18", "resnetv2_50d_frn", "test_resnet",
        "convnext_tiny", "swin_tiny_patch4", "vit_base_patch16_225", "vit_d128_l6_h4_patch4_28",
        "resnet51", "", "{}"}) {
    CAPTURE(name);
    const std::string text = refusal(name, "");
    CHECK(has(text, "c.json: unsupported: architecture is \"" + std::string(name) + "\""));
    // Nor may a name stand for another network elsewhere.
    if (std::string_view(name).starts_with("vit_") && timm_difference(name) != "") {
      CHECK_THROWS_AS(network_config(name), UsageError);
    }
  }
  CHECK(has(refusal("vit_dlittle_patch16_reg1_gap_256", ""), "differential attention"));
}

TEST_CASE("so400m has 16 heads, SigLIP 2 GELU by tanh, CLIP its eps", "[models]") {
  CHECK(facts_of("vit_so400m_patch14_siglip_gap_224", "").heads == 16);
  CHECK(facts_of("vit_base_patch16_siglip_gap_224", "").activation == Activation::kGelu);
  for (const char* name :
       {"vit_base_patch32_siglip_gap_256", "vit_large_patch16_siglip_gap_512",
        "vit_so400m_patch16_siglip_gap_256", "vit_giantopt_patch16_siglip_gap_384"}) {
    CAPTURE(name);
    CHECK(facts_of(name, "").activation == Activation::kGeluTanh);
    CHECK(facts_of(name, "").pool == Pool::kMean);
  }
  CHECK(facts_of("vit_base_patch16_clip_quickgelu_224", "").norm_eps == 1e-5);
  CHECK(facts_of("resnetv2_50x1_bit", "", "ResNet").stem == Stem::kFixed);
}

TEST_CASE("arguments of timm's networks: obeyed or refused by name and value", "[models]") {
  const auto vit = [](const std::string& arguments) {
    return facts_of("vit_base_patch16_clip_quickgelu_224", ", \"model_args\": {" + arguments + "}");
  };
  CHECK(vit(R"("act_layer": "gelu_tanh")").activation == Activation::kGeluTanh);
  CHECK(vit(R"("act_layer": "gelu")").activation == Activation::kGelu);
  CHECK(vit(R"("act_layer": null)").activation == Activation::kGelu);
  CHECK(vit(R"("norm_layer": "layernorm")").norm_eps == 1e-6);
  CHECK(vit(R"("norm_layer": null)").norm_eps == 1e-6);
  CHECK(vit(R"("num_heads": 8)").heads == 8);
  CHECK(vit(R"("act_layer": "silu")").activation == Activation::kSilu);
  CHECK(vit(R"("global_pool": "max")").pool == Pool::kMax);
  CHECK(vit(R"("global_pool": "map", "pool_include_prefix": true)").pool_prefix);
  CHECK_FALSE(vit(R"("final_norm": false)").final_norm);
  CHECK(vit(R"("global_pool": "avg", "drop_rate": 0.1, "weight_init": "jax")").pool == Pool::kMean);
  struct Refused {
    const char* architecture;
    const char* arguments;
    const char* says;
  };
  for (const Refused& r : std::vector<Refused>{
           {"test_vit", R"("act_layer": "mish")", "model_args.act_layer is \"mish\""},
           {"test_vit", R"("global_pool": "")", "model_args.global_pool is \"\""},
           {"test_vit", R"("norm_layer": "rmsnorm")", "model_args.norm_layer is \"rmsnorm\""},
           {"test_vit", R"("attn_layer": "diff")", "model_args.attn_layer is \"diff\""},
           {"test_vit", R"("pos_embed": "rope")", "model_args.pos_embed is \"rope\""},
           {"test_vit", R"("dynamic_img_pad": true)", "model_args.dynamic_img_pad is true"},
           {"test_vit", R"("something_new": 2)", "model_args.something_new is 2"},
           {"deit_tiny_distilled_patch16_224", R"("global_pool": "avg")", "global_pool is \"avg\""},
           {"resnet18", R"("act_layer": "silu")", "model_args.act_layer is \"silu\""},
           {"resnet18", R"("output_stride": 16)", "model_args.output_stride is 16"},
           {"resnet18", R"("aa_layer": "blur")", "model_args.aa_layer is \"blur\""},
           {"resnet18", R"("block_args": {"attn_layer": "cbam"})", "model_args.block_args is {"},
           {"resnet18", R"("block_args": {"attn_layer": "se", "stride": 1})", "block_args is {"},
           {"resnet18", R"("block_args": ["se"])", "model_args.block_args is ["},
           {"resnet18", R"("norm_layer": "evonorm")", "model_args.norm_layer is \"evonorm\""},
           {"resnet18", R"("global_pool": "avgmax")", "model_args.global_pool is \"avgmax\""},
           {"resnetv2_50x1_bit", R"("stem_type": "same")", "model_args.stem_type is \"same\""},
           {"resnetv2_50", R"("stem_type": "deep_same")", "model_args.stem_type is \"deep_same\""},
           {"vit_small_r26_s32_224", R"("padding_same": false)", "padding_same is false"},
       }) {
    CAPTURE(r.arguments);
    CHECK(has(refusal(r.architecture, ", \"model_args\": {" + std::string(r.arguments) + "}"),
              r.says));
  }
}

TEST_CASE("other keys of timm's config.json: known, harmless, or refused", "[models]") {
  CHECK(refusal("test_vit", R"(, "num_features": 64, "num_classes": 7, "pretrained_cfg": {
      "tag": "r160_in1k", "custom_load": false, "input_size": [3, 160, 160],
      "fixed_input_size": true, "interpolation": "bicubic", "crop_pct": 0.95,
      "crop_mode": "center", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "num_classes": 1000,
      "pool_size": null, "first_conv": "patch_embed.proj", "classifier": "head",
      "license": "apache-2.0"})") == "");
  CHECK(
      has(refusal("test_vit", R"(, "global_pool": "catavgmax")"), "global_pool is \"catavgmax\""));
  CHECK(has(refusal("resnet18", R"(, "pretrained_cfg": {"global_pool": "avgmax"})"),
            "pretrained_cfg.global_pool is \"avgmax\""));
  CHECK(has(refusal("test_vit", R"(, "pretrained_cfg": {"crop_mode": "border"})"),
            "pretrained_cfg.crop_mode is \"border\""));
  CHECK(has(refusal("test_vit", R"(, "pretrained_cfg": {"interpolation": "random"})"),
            "pretrained_cfg.interpolation is \"random\""));
  CHECK(has(refusal("test_vit", R"(, "pretrained_cfg": {"label_offset": 1})"),
            "pretrained_cfg.label_offset is 1"));
  CHECK(has(refusal("test_vit", R"(, "scale_by": 2)"), "scale_by is 2"));
  // Older files have one object for all.
  const SourceFacts old = facts_of(
      "resnet18", R"(, "input_size": [3, 96, 128], "mean": [0.1, 0.2, 0.3], "crop_pct": 1.0)");
  CHECK(old.image_width == 128);
  CHECK(old.preprocess.mean == std::vector<double>{0.1, 0.2, 0.3});
  CHECK(has(refusal("resnet18", R"(, "label_offset": 1)"), "c.json: unsupported: label_offset"));
}

TEST_CASE("timm's own defaults where preprocessing is not said, and said so", "[models]") {
  const SourceFacts facts = facts_of("test_vit", R"(, "pretrained_cfg": {"crop_pct": null})");
  CHECK(facts.preprocess.mean == std::vector<double>{0.485, 0.456, 0.406});
  CHECK(facts.preprocess.stddev == std::vector<double>{0.229, 0.224, 0.225});
  CHECK(facts.preprocess.crop_pct == 0.875);
  CHECK(facts.preprocess.interpolation == ResizeFilter::kBicubic);
  CHECK(facts.preprocess_source ==
        "config.json; timm's defaults for interpolation, crop_pct, mean, std");
}

TEST_CASE("weights that contradict timm's config.json are refused", "[models]") {
  Model model = initialized_model();
  Folder folder(model);
  CHECK(as_vit(*folder.load("vit_tiny_patch16_224", kSmall).network).config.depth == 2);
  const std::string small = kSmall;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = small;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK(has(folder.error("vit_tiny_patch16_224", with("\"depth\": 2", "\"depth\": 3")),
            "depth 3, the weights show 2"));
  CHECK(has(folder.error("vit_tiny_patch16_224", with("1.5", "4")), "mlp_ratio 4"));
  CHECK(has(folder.error("vit_tiny_patch16_224", with(": 5", ": 6")),
            "num_classes 6, the weights show 5"));
  CHECK(has(folder.error("resnet18", ""), "kind \"resnet\""));
  // Heads cannot be seen: the architecture's are of its own width.
  CHECK(has(folder.error("vit_tiny_patch16_224", with("\"embed_dim\": 128, ", "")),
            "embed_dim 192, the weights show 128"));
  CHECK(has(folder.error("vit_tiny_patch16_224", with("\"depth\": 2", "\"reg_tokens\": 4")),
            "reg_tokens 4, the weights show 0"));
  CHECK(has(folder.error("vit_tiny_patch16_224", with("\"depth\": 2", "\"pos_embed\": \"none\"")),
            "position \"none\""));
  // What was not said, but can be seen, is remarked.
  const Model deeper = folder.load("vit_tiny_patch16_224", with("\"depth\": 2, ", ""));
  CHECK(std::ranges::count_if(deeper.notes, [](const std::string& note) {
          return has(note, "depth 2, where the architecture usually has 12");
        }) == 1);
}

TEST_CASE("a missing position table is none only if config.json says so", "[models]") {
  VitConfig config = small_vit_config();
  config.position = Position::kNone;
  Model model = initialized_model(config);
  Folder folder(model);
  CHECK(has(folder.error("vit_tiny_patch16_224", kSmall), "no position embedding"));
  std::string said = kSmall;
  said.replace(said.find("\"depth\": 2"), 10, "\"depth\": 2, \"pos_embed\": \"none\"");
  CHECK(as_vit(*folder.load("vit_tiny_patch16_224", said).network).config.position ==
        Position::kNone);
}

TEST_CASE("means and deviations fit the channels, or are refused", "[models]") {
  VitConfig config = small_vit_config();
  config.channels = 1;
  Model model = initialized_model(config);
  Folder folder(model);
  const auto with = [&](const std::string& mean) {
    return std::string(kSmall) + R"(, "pretrained_cfg": {"input_size": [1, 12, 12], "mean": )" +
           mean + R"(, "std": [0.3]})";
  };
  CHECK(folder.load("vit_tiny_patch16_224", with("[0.1]")).preprocess.mean ==
        std::vector<double>{0.1});
  CHECK(folder.load("vit_tiny_patch16_224", with("0.1")).preprocess.mean ==
        std::vector<double>{0.1});
  CHECK(has(folder.error("vit_tiny_patch16_224", with("[0.1, 0.2, 0.3]")),
            "mean of 3 numbers for 1 channels"));
  CHECK(has(folder.error("vit_tiny_patch16_224", with("null")), "timm's defaults for"));
}

TEST_CASE("stems whose first convolution is narrower", "[models]") {
  ResNetConfig config;
  config.layers = {1, 1};
  config.planes = {8, 12};
  config.stem = ResNetStem::kDeepTiered;
  config.stem_width = 10;  // 6, 10, 20 channels
  config.avg_down = true;
  config.classes = 3;
  config.image_height = config.image_width = 32;
  CHECK(ResNetConfig::from_json(config.to_json()).to_json() == config.to_json());
  Model model;
  model.network = config.build();
  model.network->initialize(1);
  int64_t trained = 0;
  model.network->visit([&](const std::string&, const Parameter& p, Role role) {
    if (role != Role::kBuffer) trained += p.value.numel();
  });
  CHECK(trained == config.parameters());
  Folder folder(model);
  const Model got = folder.load("resnet50t", R"(, "model_args": {"layers": [1, 1],
      "channels": [8, 12], "stem_width": 10, "stem_type": "deep_tiered"}, "num_classes": 3,
      "pretrained_cfg": {"input_size": [3, 32, 32]})");
  CHECK(got.network->network_config().to_json() == config.to_json());
  CHECK_THROWS_AS(
      parse_network_config(R"({"kind": "resnet", "stem_type": "deep_tiered", "stem_width": 3})"),
      UsageError);
}
