#include "models/weights/timm_networks.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"

namespace vitrine {
namespace {

// All of timm 1.0.29 whose mathematics is that of our ViT, DeiT, hybrids, ResNet and BiT; sorted.
// clang-format off
constexpr std::array<std::string_view, 285> kNames = {
    "aimv2_1b_patch14_224", "aimv2_1b_patch14_336", "aimv2_1b_patch14_448", "aimv2_3b_patch14_224",
    "aimv2_3b_patch14_336", "aimv2_3b_patch14_448", "aimv2_huge_patch14_224",
    "aimv2_huge_patch14_336", "aimv2_huge_patch14_448", "aimv2_large_patch14_224",
    "aimv2_large_patch14_336", "aimv2_large_patch14_448", "beit3_base_patch16_224",
    "beit3_giant_patch14_224", "beit3_giant_patch14_336", "beit3_large_patch16_224",
    "beit_base_patch16_224", "beit_base_patch16_384", "beit_large_patch16_224",
    "beit_large_patch16_384", "beit_large_patch16_512", "beitv2_base_patch16_224",
    "beitv2_large_patch16_224", "deit3_base_patch16_224", "deit3_base_patch16_384",
    "deit3_huge_patch14_224", "deit3_large_patch16_224", "deit3_large_patch16_384",
    "deit3_medium_patch16_224", "deit3_small_patch16_224", "deit3_small_patch16_384",
    "deit_base_distilled_patch16_224", "deit_base_distilled_patch16_384", "deit_base_patch16_224",
    "deit_base_patch16_384", "deit_small_distilled_patch16_224", "deit_small_patch16_224",
    "deit_tiny_distilled_patch16_224", "deit_tiny_patch16_224", "eva02_base_patch14_224",
    "eva02_base_patch14_448", "eva02_base_patch16_clip_224", "eva02_enormous_patch14_clip_224",
    "eva02_large_patch14_224", "eva02_large_patch14_448", "eva02_large_patch14_clip_224",
    "eva02_large_patch14_clip_336", "eva02_small_patch14_224", "eva02_small_patch14_336",
    "eva02_tiny_patch14_224", "eva02_tiny_patch14_336", "eva_giant_patch14_224",
    "eva_giant_patch14_336", "eva_giant_patch14_560", "eva_giant_patch14_clip_224",
    "eva_large_patch14_196", "eva_large_patch14_336", "flexivit_base", "flexivit_large",
    "flexivit_small", "resnet101", "resnet101c", "resnet101d", "resnet101s", "resnet10t",
    "resnet14t", "resnet152", "resnet152c", "resnet152d", "resnet152s", "resnet18", "resnet18d",
    "resnet200", "resnet200d", "resnet26", "resnet26d", "resnet26t", "resnet34", "resnet34d",
    "resnet50", "resnet50c", "resnet50d", "resnet50s", "resnet50t", "resnetv2_101x1_bit",
    "resnetv2_101x3_bit", "resnetv2_152x2_bit", "resnetv2_152x4_bit", "resnetv2_50x1_bit",
    "resnetv2_50x3_bit", "resnext101_32x16d", "resnext101_32x32d", "resnext101_32x4d",
    "resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d", "resnext50d_32x4d", "test_vit",
    "test_vit2", "test_vit3", "test_vit4", "vit_7b_patch16_dinov3", "vit_base_patch14_dinov2",
    "vit_base_patch14_reg1_tipsv2", "vit_base_patch14_reg4_dinov2", "vit_base_patch16_18x2_224",
    "vit_base_patch16_224", "vit_base_patch16_224_miil", "vit_base_patch16_384",
    "vit_base_patch16_clip_224", "vit_base_patch16_clip_384",
    "vit_base_patch16_clip_quickgelu_224", "vit_base_patch16_dinov3",
    "vit_base_patch16_dinov3_qkvb", "vit_base_patch16_gap_224", "vit_base_patch16_lingbot",
    "vit_base_patch16_plus_240", "vit_base_patch16_plus_clip_240", "vit_base_patch16_reg4_gap_256",
    "vit_base_patch16_rope_224", "vit_base_patch16_rope_ape_224",
    "vit_base_patch16_rope_mixed_224", "vit_base_patch16_rope_mixed_ape_224",
    "vit_base_patch16_rope_reg1_gap_256", "vit_base_patch16_rpn_224",
    "vit_base_patch16_siglip_224", "vit_base_patch16_siglip_256", "vit_base_patch16_siglip_384",
    "vit_base_patch16_siglip_512", "vit_base_patch16_siglip_gap_224",
    "vit_base_patch16_siglip_gap_256", "vit_base_patch16_siglip_gap_384",
    "vit_base_patch16_siglip_gap_512", "vit_base_patch16_xp_224", "vit_base_patch32_224",
    "vit_base_patch32_384", "vit_base_patch32_clip_224", "vit_base_patch32_clip_256",
    "vit_base_patch32_clip_384", "vit_base_patch32_clip_448",
    "vit_base_patch32_clip_quickgelu_224", "vit_base_patch32_plus_256",
    "vit_base_patch32_siglip_256", "vit_base_patch32_siglip_gap_256", "vit_base_patch8_224",
    "vit_base_r26_s32_224", "vit_base_r50_s16_224", "vit_base_r50_s16_384",
    "vit_betwixt_patch16_gap_256", "vit_betwixt_patch16_reg1_gap_256",
    "vit_betwixt_patch16_reg4_gap_256", "vit_betwixt_patch16_reg4_gap_384",
    "vit_betwixt_patch16_rope_reg4_gap_256", "vit_betwixt_patch32_clip_224",
    "vit_giant_patch14_224", "vit_giant_patch14_clip_224", "vit_giant_patch14_dinov2",
    "vit_giant_patch14_reg1_tipsv2", "vit_giant_patch14_reg4_dinov2", "vit_giant_patch16_gap_224",
    "vit_giant_patch16_lingbot", "vit_giantopt_patch16_siglip_256",
    "vit_giantopt_patch16_siglip_384", "vit_giantopt_patch16_siglip_gap_256",
    "vit_giantopt_patch16_siglip_gap_384", "vit_gigantic_patch14_224",
    "vit_gigantic_patch14_clip_224", "vit_gigantic_patch14_clip_378",
    "vit_gigantic_patch14_clip_quickgelu_224", "vit_huge_patch14_224", "vit_huge_patch14_clip_224",
    "vit_huge_patch14_clip_336", "vit_huge_patch14_clip_378",
    "vit_huge_patch14_clip_quickgelu_224", "vit_huge_patch14_clip_quickgelu_378",
    "vit_huge_patch14_gap_224", "vit_huge_patch14_xp_224", "vit_huge_patch16_gap_448",
    "vit_huge_plus_patch16_dinov3", "vit_huge_plus_patch16_dinov3_qkvb",
    "vit_intern300m_patch14_448", "vit_large_patch14_224", "vit_large_patch14_clip_224",
    "vit_large_patch14_clip_336", "vit_large_patch14_clip_quickgelu_224",
    "vit_large_patch14_clip_quickgelu_336", "vit_large_patch14_dinov2",
    "vit_large_patch14_reg1_tipsv2", "vit_large_patch14_reg4_dinov2", "vit_large_patch14_xp_224",
    "vit_large_patch16_224", "vit_large_patch16_384", "vit_large_patch16_dinov3",
    "vit_large_patch16_dinov3_qkvb", "vit_large_patch16_lingbot", "vit_large_patch16_rope_224",
    "vit_large_patch16_rope_ape_224", "vit_large_patch16_rope_mixed_224",
    "vit_large_patch16_rope_mixed_ape_224", "vit_large_patch16_siglip_256",
    "vit_large_patch16_siglip_384", "vit_large_patch16_siglip_512",
    "vit_large_patch16_siglip_gap_256", "vit_large_patch16_siglip_gap_384",
    "vit_large_patch16_siglip_gap_512", "vit_large_patch32_224", "vit_large_patch32_384",
    "vit_large_r50_s32_224", "vit_large_r50_s32_384", "vit_little_patch16_reg1_gap_256",
    "vit_little_patch16_reg4_gap_256", "vit_medium_patch16_clip_224", "vit_medium_patch16_gap_240",
    "vit_medium_patch16_gap_256", "vit_medium_patch16_gap_384", "vit_medium_patch16_reg1_gap_256",
    "vit_medium_patch16_reg4_gap_256", "vit_medium_patch16_rope_reg1_gap_256",
    "vit_medium_patch32_clip_224", "vit_mediumd_patch16_reg4_gap_256",
    "vit_mediumd_patch16_reg4_gap_384", "vit_mediumd_patch16_rope_reg1_gap_256",
    "vit_pe_core_base_patch16_224", "vit_pe_core_gigantic_patch14_448",
    "vit_pe_core_large_patch14_336", "vit_pe_core_small_patch16_384",
    "vit_pe_core_tiny_patch16_384", "vit_pe_lang_gigantic_patch14_448",
    "vit_pe_lang_large_patch14_448", "vit_pe_spatial_base_patch16_512",
    "vit_pe_spatial_gigantic_patch14_448", "vit_pe_spatial_large_patch14_448",
    "vit_pe_spatial_small_patch16_512", "vit_pe_spatial_tiny_patch16_512",
    "vit_pwee_patch16_reg1_gap_256", "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2",
    "vit_small_patch16_18x2_224", "vit_small_patch16_224", "vit_small_patch16_36x1_224",
    "vit_small_patch16_384", "vit_small_patch16_dinov3", "vit_small_patch16_dinov3_qkvb",
    "vit_small_patch16_lingbot", "vit_small_patch16_rope_224", "vit_small_patch16_rope_ape_224",
    "vit_small_patch16_rope_mixed_224", "vit_small_patch16_rope_mixed_ape_224",
    "vit_small_patch32_224", "vit_small_patch32_384", "vit_small_patch8_224",
    "vit_small_plus_patch16_dinov3", "vit_small_plus_patch16_dinov3_qkvb", "vit_small_r26_s32_224",
    "vit_small_r26_s32_384", "vit_so150m2_patch16_reg1_gap_256",
    "vit_so150m2_patch16_reg1_gap_384", "vit_so150m2_patch16_reg1_gap_448",
    "vit_so150m_patch16_reg4_gap_256", "vit_so150m_patch16_reg4_gap_384",
    "vit_so150m_patch16_reg4_map_256", "vit_so400m_patch14_reg1_tipsv2",
    "vit_so400m_patch14_siglip_224", "vit_so400m_patch14_siglip_378",
    "vit_so400m_patch14_siglip_384", "vit_so400m_patch14_siglip_gap_224",
    "vit_so400m_patch14_siglip_gap_378", "vit_so400m_patch14_siglip_gap_384",
    "vit_so400m_patch14_siglip_gap_448", "vit_so400m_patch14_siglip_gap_896",
    "vit_so400m_patch16_siglip_256", "vit_so400m_patch16_siglip_384",
    "vit_so400m_patch16_siglip_512", "vit_so400m_patch16_siglip_gap_256",
    "vit_so400m_patch16_siglip_gap_384", "vit_so400m_patch16_siglip_gap_512",
    "vit_tiny_patch16_224", "vit_tiny_patch16_384", "vit_tiny_patch16_dinov3_qkvb",
    "vit_tiny_r_s16_p8_224", "vit_tiny_r_s16_p8_384", "vit_wee_patch16_reg1_gap_256",
    "vit_xsmall_patch16_clip_224", "wide_resnet101_2", "wide_resnet50_2",
};
// clang-format on

// Likewise ResNets with attention to channels, other norms or a ResNetV2's plain convolutions.
constexpr auto kResNets = std::to_array<std::string_view>(
    {"ecaresnet101d",       "ecaresnet200d",       "ecaresnet269d",      "ecaresnet26t",
     "ecaresnet50d",        "ecaresnet50t",        "ecaresnetlight",     "ecaresnext26t_32x4d",
     "ecaresnext50t_32x4d", "resnet50_gn",         "resnetrs101",        "resnetrs152",
     "resnetrs200",         "resnetrs270",         "resnetrs350",        "resnetrs420",
     "resnetrs50",          "resnetv2_101",        "resnetv2_101d",      "resnetv2_152",
     "resnetv2_152d",       "resnetv2_18",         "resnetv2_18d",       "resnetv2_34",
     "resnetv2_34d",        "resnetv2_50",         "resnetv2_50d",       "resnetv2_50d_gn",
     "resnetv2_50t",        "seresnet101",         "seresnet152",        "seresnet152d",
     "seresnet18",          "seresnet200d",        "seresnet269d",       "seresnet34",
     "seresnet50",          "seresnet50t",         "seresnext101_32x4d", "seresnext101_32x8d",
     "seresnext101_64x4d",  "seresnext101d_32x8d", "seresnext26d_32x4d", "seresnext26t_32x4d",
     "seresnext50_32x4d"});

/// The first part of a name that tells.
struct Difference {
  std::string_view part, what;
};
constexpr auto kDifferences = std::to_array<Difference>({
    {"relpos", "relative positions"},
    {"samvit", "attention in windows"},
    {"naflexvit", "patches of any number"},
    {"vit_dpwee", "parallel branches with differential attention"},
    {"vit_dwee", "differential attention"},
    {"vit_dlittle", "differential attention"},
    {"resnetaa", "averages before its strides"},
    {"resnextaa", "averages before its strides"},
    {"resnetblur", "blurs before its strides"},
    {"_pruned", "channels that were pruned"},
    {"senet", "squeeze and excitation in blocks of its own"},
    {"legacy_seres", "squeeze and excitation in blocks of its own"},
    {"skres", "selective kernels"},
    {"resnest", "split attention"},
    {"_evos", "EvoNorm"},
    {"_frn", "filter response norm"},
    {"test_resnet", "basic and bottleneck blocks in one"},
    {"vit_small_resnet", "a backbone with batch norm"},
    {"vit_base_resnet", "a backbone with batch norm"},
});

}  // namespace

std::unique_ptr<NetworkConfig> timm_network(std::string_view architecture) {
  const std::string name(architecture.substr(0, architecture.find('.')));
  const auto known = [&](const auto& names) {
    return std::ranges::binary_search(names, std::string_view(name));
  };
  if (!known(kNames) && !known(kResNets)) return nullptr;
  return network_config(name);
}

std::string_view timm_difference(std::string_view architecture) {
  const auto* const found = std::ranges::find_if(kDifferences, [&](const Difference& d) {
    return architecture.find(d.part) != std::string_view::npos;
  });
  return found == kDifferences.end() ? std::string_view() : found->what;
}

}  // namespace vitrine
