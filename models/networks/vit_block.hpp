#pragma once

#include <string>
#include <vector>

#include "models/networks/block_form.hpp"
#include "models/networks/position_embedding.hpp"
#include "models/networks/vit_attention.hpp"
#include "models/networks/vit_mlp.hpp"

namespace vitrine {

/// One encoder block. Pre-norm, the paper's eq. 2 and 3:
///   x = x + DropPath(ls1 * MSA(LN(x)))
///   x = x + DropPath(ls2 * MLP(LN(x)))
struct Block {
  BlockForm form = BlockForm::kPre;
  PositionEmbedding pos_embed;  // added to the input; only where every block has its own
  Norm norm1, norm2;            // a parallel block has the first one alone
  Attention attn;
  Mlp mlp;
  Parameter ls1, ls2;         // LayerScale (D), or absent
  bool gamma_names = false;   // timm's Eva and Beit call them gamma_1 and gamma_2
  Linear in_proj;             // of a parallel block: the rows of fc1, then those of qkv
  Parameter mlp_bias;         // of its fc1's rows, where in_proj has none
  std::vector<Block> things;  // of kParallelThings: the attentions and MLPs side by side
  float dropout = 0;
  float drop_path = 0;
  int64_t index = 0;
  int64_t mask_place = 0;  // where its random masks are drawn

  /// (B, N, D) -> (B, N, D)
  Tensor operator()(const Tensor& input, const Pass& pass) const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    pos_embed.visit(name + ".pos_embed", f);
    if (form == BlockForm::kParallel) return visit_parallel(name, f);
    if (form == BlockForm::kParallelThings) return visit_things(name, f);
    norm1.visit(name + ".norm1", f);
    attn.visit(name + ".attn", f);
    if (ls1.defined()) f(name + (gamma_names ? ".gamma_1" : ".ls1.gamma"), ls1, Role::kVector);
    norm2.visit(name + ".norm2", f);
    mlp.visit(name + ".mlp", f);
    if (ls2.defined()) f(name + (gamma_names ? ".gamma_2" : ".ls2.gamma"), ls2, Role::kVector);
  }

 private:
  template <class F>
  void visit_parallel(const std::string& name, F&& f) {
    if (mlp_bias.defined()) f(name + ".mlp_bias", mlp_bias, Role::kVector);
    norm1.visit(name + ".in_norm", f);
    in_proj.visit(name + ".in_proj", f);
    attn.q_norm.visit(name + ".q_norm", f);
    attn.k_norm.visit(name + ".k_norm", f);
    attn.proj.visit(name + ".attn_out_proj", f);
    mlp.fc2.visit(name + ".mlp_out_proj", f);
    if (ls1.defined()) f(name + ".ls.gamma", ls1, Role::kVector);
  }

  template <class F>
  void visit_things(const std::string& name, F&& f) {
    for (size_t j = 0; j < things.size(); ++j) {
      const std::string at = name + ".attns." + std::to_string(j);
      things[j].norm1.visit(at + ".norm", f);
      things[j].attn.visit(at + ".attn", f);
      if (things[j].ls1.defined()) f(at + ".ls.gamma", things[j].ls1, Role::kVector);
    }
    for (size_t j = 0; j < things.size(); ++j) {
      const std::string at = name + ".ffns." + std::to_string(j);
      things[j].norm2.visit(at + ".norm", f);
      things[j].mlp.visit(at + ".mlp", f);
      if (things[j].ls2.defined()) f(at + ".ls.gamma", things[j].ls2, Role::kVector);
    }
  }

  Tensor add_attention(const Tensor& x, const Tensor& normed, const Pass& pass,
                       const std::string& name) const;
  Tensor add_mlp(const Tensor& x, const Tensor& normed, const Pass& pass,
                 const std::string& name) const;
  Tensor pre(const Tensor& x, const Pass& pass, const std::string& name) const;
  Tensor res_post(const Tensor& x, const Pass& pass, const std::string& name) const;
  Tensor parallel(const Tensor& x, const Pass& pass, const std::string& name) const;
  Tensor parallel_things(const Tensor& x, const Pass& pass, const std::string& name) const;
};

}  // namespace vitrine
