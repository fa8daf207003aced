#pragma once

#include "models/networks/layers.hpp"
#include "models/networks/vit_mlp.hpp"

namespace vitrine {

/// Pooling by attention of learned queries, SigLIP's MAP head (Zhai et al. 2022, arXiv 2106.04560,
/// section 3): o = proj(attention(latent, x)), then o + mlp(norm(o)).
struct AttentionPool {
  Parameter latent;  // (1, L, D)
  Linear q, kv;      // (D, D); (2 D, D), keys first
  Norm q_norm, k_norm;
  Linear proj;
  Norm norm;
  Mlp mlp;
  int64_t heads = 1;

  bool defined() const { return latent.defined(); }

  /// x (B, N, D) -> (B, L, D)
  Tensor operator()(const Tensor& x, const Pass& pass = {},
                    const std::string& name = "attn_pool") const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    // timm decays the latent, as a matrix.
    if (latent.defined()) f(name + ".latent", latent, Role::kWeight);
    q.visit(name + ".q", f);
    kv.visit(name + ".kv", f);
    q_norm.visit(name + ".q_norm", f);
    k_norm.visit(name + ".k_norm", f);
    proj.visit(name + ".proj", f);
    norm.visit(name + ".norm", f);
    mlp.visit(name + ".mlp", f);
  }
};

}  // namespace vitrine
