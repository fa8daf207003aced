// Configurations behind timm's names: numbers of parameters against those that timm 1.0.29 prints
// (which pin widths, depths, tokens and switches), and names that are not among them.

#include "models/networks/vit_siblings.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "models/networks/vit_families.hpp"

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
      {"vit_base_patch32_siglip_256", 94552320},
      {"vit_base_patch16_siglip_224", 92884224},
      {"vit_base_patch16_siglip_512", 93520128},
      {"vit_large_patch16_siglip_256", 315956224},
      {"vit_so400m_patch14_siglip_224", 427680704},
      {"vit_so400m_patch14_siglip_384", 428225600},
      {"vit_so400m_patch14_siglip_gap_896", 416866032},
      {"vit_so400m_patch16_siglip_512", 428772800},
      {"vit_giantopt_patch16_siglip_256", 1163168256},
      {"vit_so150m_patch16_reg4_map_256", 141481064},
      {"vit_base_patch16_siglip_256", 92930304},
      {"vit_base_patch16_siglip_384", 93176064},
      {"vit_base_patch16_siglip_gap_224", 85797120},
      {"vit_base_patch16_siglip_gap_256", 85843200},
      {"vit_base_patch16_siglip_gap_384", 86088960},
      {"vit_base_patch16_siglip_gap_512", 86433024},
      {"vit_base_patch32_siglip_gap_256", 87465216},
      {"vit_large_patch16_siglip_384", 316283904},
      {"vit_large_patch16_siglip_512", 316742656},
      {"vit_large_patch16_siglip_gap_256", 303361024},
      {"vit_large_patch16_siglip_gap_384", 303688704},
      {"vit_large_patch16_siglip_gap_512", 304147456},
      {"vit_so400m_patch14_siglip_378", 428225600},
      {"vit_so400m_patch14_siglip_gap_378", 412987248},
      {"vit_so400m_patch14_siglip_gap_384", 412987248},
      {"vit_so400m_patch14_siglip_gap_448", 413327088},
      {"vit_so400m_patch16_siglip_256", 427888064},
      {"vit_so400m_patch16_siglip_384", 428256704},
      {"vit_so400m_patch16_siglip_gap_256", 412649712},
      {"vit_so400m_patch16_siglip_gap_384", 413018352},
      {"vit_so400m_patch16_siglip_gap_512", 413534448},
      {"vit_giantopt_patch16_siglip_384", 1163659776},
      {"vit_giantopt_patch16_siglip_gap_384", 1135329792},
      {"vit_so150m_patch16_reg4_gap_256", 134131560},
      {"vit_wee_patch16_reg1_gap_256", 13422568},
      {"vit_little_patch16_reg1_gap_256", 22515048},
      {"vit_medium_patch16_reg1_gap_256", 38880232},
      {"vit_medium_patch16_reg4_gap_256", 38881768},
      {"vit_betwixt_patch16_reg1_gap_256", 60396520},
      {"vit_betwixt_patch16_reg4_gap_256", 60398440},
      {"vit_large_patch14_reg1_tipsv2", 304014336},
      {"vit_so400m_patch14_reg1_tipsv2", 413391600},
      {"vit_base_patch32_clip_quickgelu_224", 87849728},
      {"vit_base_patch16_clip_quickgelu_224", 86193152},
      {"vit_large_patch14_clip_quickgelu_224", 303966976},
      {"vit_huge_patch14_clip_224", 632047080},
      {"vit_huge_patch14_clip_quickgelu_224", 632077824},
      {"vit_huge_patch14_clip_quickgelu_378", 632683264},
      {"eva_large_patch14_336", 304531432},
      {"vit_base_patch32_clip_256", 87861248},
      {"vit_base_patch16_plus_clip_240", 117214464},
      {"vit_giant_patch14_clip_224", 1012646656},
      {"vit_gigantic_patch14_clip_224", 1844908544},
      {"vit_gigantic_patch14_clip_378", 1845695616},
      {"vit_xsmall_patch16_clip_224", 8277504},
      {"vit_medium_patch16_clip_224", 38587904},
      {"vit_betwixt_patch32_clip_224", 61411712},
      {"vit_huge_patch14_clip_378", 632683264},
      {"vit_giant_patch14_dinov2", 1136479232},
      {"vit_giant_patch14_reg4_dinov2", 1136483840},
      {"vit_giant_patch14_reg1_tipsv2", 1135949312},
  };
  for (const Known& k : known) {
    CAPTURE(k.name);
    CHECK(vit_config(k.name).parameters() == k.parameters);
  }
  for (const char* name :
       {"deit_base_distilled", "vit_base_patch16_gap", "vit_base_patch16_map_256",
        "vit_base_patch14_dinov2_224", "deit3_base_patch16_clip_224", "eva_giant_patch14_224",
        "vit_dwee_patch16_reg1_gap_256", "vit_dlittle_patch16_reg1_gap_256",
        "vit_base_patch16_rope_reg1_gap_256"}) {
    CHECK(!vit_sibling(name));
  }
}

TEST_CASE("the families have as many parameters as timm's", "[models]") {
  struct Known {
    const char* name;
    int64_t parameters;
  };
  // From timm 1.0.29, with the heads that its weights have.
  const std::vector<Known> known = {
      {"vit_tiny_patch16_dinov3_qkvb", 5489664},
      {"vit_small_patch16_dinov3", 21586944},
      {"vit_small_patch16_dinov3_qkvb", 21596160},
      {"vit_small_plus_patch16_dinov3", 28683264},
      {"vit_small_plus_patch16_dinov3_qkvb", 28692480},
      {"vit_base_patch16_dinov3", 85641216},
      {"vit_base_patch16_dinov3_qkvb", 85659648},
      {"vit_large_patch16_dinov3", 303079424},
      {"vit_large_patch16_dinov3_qkvb", 303128576},
      {"vit_huge_plus_patch16_dinov3", 840509440},
      {"vit_huge_plus_patch16_dinov3_qkvb", 840591360},
      {"vit_7b_patch16_dinov3", 6716030976},
      {"vit_small_patch16_lingbot", 21596160},
      {"vit_base_patch16_lingbot", 85659648},
      {"vit_large_patch16_lingbot", 303128576},
      {"vit_giant_patch16_lingbot", 1134473216},
      {"eva02_tiny_patch14_224", 5502144},
      {"eva02_tiny_patch14_336", 5756584},
      {"eva02_small_patch14_224", 21621120},
      {"eva02_small_patch14_336", 22129000},
      {"eva02_base_patch14_224", 85758720},
      {"eva02_base_patch14_448", 87117544},
      {"eva02_large_patch14_224", 303268800},
      {"eva02_large_patch14_448", 305080232},
      {"eva02_base_patch16_clip_224", 86263040},
      {"eva02_large_patch14_clip_224", 304105152},
      {"eva02_large_patch14_clip_336", 304432832},
      {"eva02_enormous_patch14_clip_224", 4350556928},
      {"eva_giant_patch14_224", 1012555112},
      {"eva_giant_patch14_336", 1013005672},
      {"eva_giant_patch14_560", 1014447464},
      {"eva_giant_patch14_clip_224", 1012588928},
      {"vit_medium_patch16_rope_reg1_gap_256", 38743016},
      {"vit_mediumd_patch16_rope_reg1_gap_256", 63945704},
      {"vit_betwixt_patch16_rope_reg4_gap_256", 60226920},
      {"vit_base_patch16_rope_reg1_gap_256", 86425576},
      {"vit_small_patch16_rope_224", 21984232},
      {"vit_base_patch16_rope_224", 86434792},
      {"vit_large_patch16_rope_224", 304174056},
      {"vit_small_patch16_rope_ape_224", 22059496},
      {"vit_base_patch16_rope_mixed_224", 86444008},
      {"vit_large_patch16_rope_mixed_ape_224", 304399336},
      {"vit_small_patch16_rope_mixed_224", 21988840},
      {"vit_small_patch16_rope_mixed_ape_224", 22064104},
      {"vit_base_patch16_rope_ape_224", 86585320},
      {"vit_base_patch16_rope_mixed_ape_224", 86594536},
      {"vit_large_patch16_rope_ape_224", 304374760},
      {"vit_large_patch16_rope_mixed_224", 304198632},
      {"vit_pe_core_tiny_patch16_384", 6141056},
      {"vit_pe_core_small_patch16_384", 23783168},
      {"vit_pe_core_base_patch16_224", 93673984},
      {"vit_pe_core_large_patch14_336", 317152256},
      {"vit_pe_core_gigantic_patch14_448", 1882033920},
      {"vit_pe_spatial_tiny_patch16_512", 5683200},
      {"beit_base_patch16_224", 86530984},
      {"beit_base_patch16_384", 86744104},
      {"beit_large_patch16_224", 304430568},
      {"beit_large_patch16_384", 304998888},
      {"beit_large_patch16_512", 305674728},
      {"beitv2_base_patch16_224", 86530984},
      {"beitv2_large_patch16_224", 304430568},
      {"beit3_base_patch16_224", 86659816},
      {"beit3_large_patch16_224", 304572392},
      {"beit3_giant_patch14_224", 1013215592},
      {"aimv2_large_patch14_224", 309197824},
      {"aimv2_huge_patch14_224", 680851968},
      {"vit_pwee_patch16_reg1_gap_256", 15253480},
      {"vit_base_patch16_xp_224", 86512360},
      {"vit_base_patch16_rpn_224", 86538472},
      {"vit_intern300m_patch14_448", 304012288},
      {"test_vit3", 930280},
      {"test_vit4", 1020520},
  };
  for (const Known& k : known) {
    CAPTURE(k.name);
    CHECK(vit_config(k.name).parameters() == k.parameters);
  }
  for (const char* name :
       {"vit_tiny_patch16_dinov3", "vit_7b_patch16_dinov3_qkvb", "vit_giant_patch16_dinov3",
        "vit_7b_patch16_lingbot", "eva_small_patch14_224", "eva02_giant_patch14_224",
        "eva02_enormous_patch14_224", "beit_huge_patch16_224", "vit_pe_core_moon_patch16_384"}) {
    CAPTURE(name);
    CHECK(!vit_family_member(name));
  }
}
