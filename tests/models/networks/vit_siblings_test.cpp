// Configurations behind timm's names: numbers of parameters against those that timm 1.0.29 prints
// (which pin widths, depths, tokens and switches), and names that are not among them.

#include "models/networks/vit_siblings.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace vitrine;

TEST_CASE("the siblings have as many parameters as timm's", "[models]") {
  struct Known {
    const char* name;
    int64_t parameters;
  };
  // From timm 1.0.29.
  const std::vector<Known> known = {
      {"deit_tiny_distilled_patch16_224", 5910800},
      {"deit_base_distilled_patch16_384", 87630032},
      {"deit3_small_patch16_224", 22059496},
      {"deit3_medium_patch16_224", 38849512},
      {"deit3_huge_patch14_224", 632126440},
      {"vit_small_patch14_dinov2", 22056192},
      {"vit_large_patch14_reg4_dinov2", 304370688},
      {"vit_base_patch16_clip_224", 86568424},
      {"vit_large_patch14_clip_quickgelu_336", 304294656},
      {"vit_gigantic_patch14_clip_quickgelu_224", 1844908544},
      {"vit_base_patch16_gap_224", 86566120},
      {"vit_medium_patch16_gap_256", 38861288},
      {"vit_betwixt_patch16_reg4_gap_384", 60603240},
      {"vit_little_patch16_reg4_gap_256", 22516008},
      {"vit_base_patch16_reg4_gap_256", 86615272},
      {"vit_mediumd_patch16_reg4_gap_256", 64109032},
      {"eva_large_patch14_196", 304142312},
      {"flexivit_small", 22061416},
      {"test_vit", 371240},
      {"test_vit2", 455720},
      {"vit_so150m2_patch16_reg1_gap_256", 136059560},
      {"vit_base_patch16_plus_240", 117557992},
      {"vit_so400m_patch14_siglip_gap_224", 412442352},
      {"vit_giantopt_patch16_siglip_gap_256", 1134838272},
      {"vit_base_patch14_reg1_tipsv2", 86314752},
      {"vit_small_patch16_36x1_224", 64665448},
  };
  for (const Known& k : known) {
    CAPTURE(k.name);
    CHECK(vit_config(k.name).parameters() == k.parameters);
  }
  for (const char* name :
       {"vit_giant_patch14_dinov2", "deit_base_distilled", "vit_base_patch16_gap",
        "vit_base_patch14_dinov2_224", "deit3_base_patch16_clip_224", "eva_giant_patch14_224",
        "vit_dwee_patch16_reg1_gap_256", "vit_dlittle_patch16_reg1_gap_256",
        "vit_base_patch16_siglip_224", "vit_base_patch16_rope_reg1_gap_256"}) {
    CHECK(!vit_sibling(name));
  }
}
