#include "tests/golden/arch.hpp"

namespace vitrine::golden {
namespace {

/// timm's Eva and Beit: what their names imply.
void spell_out(Json& arch) {
  const bool eva = arch.at("kind") == "eva";
  arch["k_bias"] = eva && arch.value("attn", "eva") == "rope";
  arch.erase("attn");
  if (!arch.value("abs_pos", true)) arch["position"] = "none";
  arch.erase("abs_pos");
  // A gate is SiLU, a plain MLP GELU, whatever "act" says.
  arch["act"] = arch.value("mlp", "mlp") == "mlp" ? "gelu" : "silu";
  if (arch.contains("rope") && arch["rope"].is_null()) arch.erase("rope");
}

}  // namespace

Json arch_of(const Json& entry) {
  Json arch = entry.at("arch");
  if (arch.at("kind") == "eva" || arch.at("kind") == "beit") spell_out(arch);
  erase_if(arch.get_ref<Json::object_t&>(), [](const auto& item) { return item.second.is_null(); });
  arch.erase("mlp_align");   // mlp_hidden is what it leads to
  arch.erase("projection");  // a head whose bias is 0
  return arch;
}

}  // namespace vitrine::golden
