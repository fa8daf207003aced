#include "models/networks/attention_pool.hpp"

#include "ops/attention.hpp"
#include "ops/binary.hpp"
#include "ops/expand.hpp"
#include "ops/permute.hpp"

namespace vitrine {

Tensor AttentionPool::operator()(const Tensor& x, const Pass& pass, const std::string& name) const {
  const int64_t batch = x.dim(0);
  const int64_t n = x.dim(1);
  const int64_t width = x.dim(2);
  const int64_t hd = width / heads;
  const int64_t latents = latent.value.dim(1);
  // The queries are the same for every image: (1, L, D) -> (B, H, L, hd).
  Tensor queries = permute(q(latent.value).reshape({1, latents, heads, hd}), {0, 2, 1, 3});
  if (q_norm.defined()) queries = q_norm(queries);
  queries = expand(queries, {batch, heads, latents, hd});
  // "b n (two h d) -> two b h n d"
  const Tensor both = permute(kv(x).reshape({batch, n, 2, heads, hd}), {2, 0, 3, 1, 4});
  const auto part = [&](int64_t i) { return both.rows(i, i + 1).reshape({batch, heads, n, hd}); };
  const Tensor keys = k_norm.defined() ? k_norm(part(0)) : part(0);
  Tensor o =
      scaled_dot_product_attention(queries, keys, part(1), Tensor(), default_attention_scale(hd));
  o = proj(permute(o, {0, 2, 1, 3}).reshape({batch, latents, width}));
  pass.report(name + ".proj", o);
  const Tensor u = norm(o);
  pass.report(name + ".norm", u);
  if (pass.probe == nullptr) return mlp(u, o);
  const Tensor branch = mlp(u);
  pass.report(name + ".mlp", branch);
  return add(o, branch);
}

}  // namespace vitrine
