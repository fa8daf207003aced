#include <array>

#include "ops/binary.hpp"
#include "ops/expand.hpp"
#include "ops/layer_norm.hpp"
#include "ops/matmul.hpp"
#include "ops/permute.hpp"
#include "ops/reduce.hpp"
#include "ops/slice.hpp"
#include "ops/softmax.hpp"
#include "ops/unary.hpp"
#include "tests/golden/ops.hpp"

// Small expressions that use a tensor more than once, share a weight or look at a part of it. The
// formula of each is in its manifest entry.

namespace vitrine::golden {
namespace {

Outputs reuse(const Tensor& x, const Tensor& w) { return {{"y", add(mul(x, x), mul(x, w))}}; }

Outputs diamond(const Tensor& x, const Tensor& w) {
  const Tensor a = tanh(x);
  const Tensor b = mul(a, w);
  const Tensor c = add(a, w);
  return {{"y", add(mul(b, c), a)}};
}

Outputs shared_weight(const Tensor& x, const Tensor& w) {
  Tensor h = x;
  for (int i = 0; i < 12; ++i) h = add(h, mul(tanh(matmul(h, w)), 0.5F));
  return {{"y", h}};
}

Outputs views(const Tensor& x, const Tensor& w) {
  const Tensor t = slice(transpose(x, 0, 1), {1, 0}, {kEnd, kEnd}, {1, 2});
  return {{"y", add(matmul(t, w.rows(0, t.dim(1))), sum(t))}};
}

Outputs broadcast(const Tensor& x, const Tensor& w) {
  const Tensor b = sum(w, {0}, true);
  const Tensor repeated = expand(b, {3, b.dim(1)});
  return {{"y", add(mean(mul(x, b), {0}), sum(repeated, {0}))}};
}

Outputs norm_chain(const Tensor& x, const Tensor& w) {
  constexpr float kEps = 1e-6F;
  const Tensor h = layer_norm(matmul(x, w), Tensor(), Tensor(), kEps);
  const Tensor p = softmax(h, -1);
  return {{"y", matmul(matmul(p, h, false, true), h)}};
}

Outputs two_outputs(const Tensor& x, const Tensor& w) {
  const Tensor h = sigmoid(matmul(x, w));
  return {{"y0", sum(h, {-1})}, {"y1", mul(h, h)}};
}

struct Graph {
  const char* name;
  Outputs (*run)(const Tensor& x, const Tensor& w);
};

constexpr auto kGraphs = std::to_array<Graph>({
    {"reuse", reuse},
    {"diamond", diamond},
    {"shared_weight", shared_weight},
    {"views", views},
    {"broadcast", broadcast},
    {"norm_chain", norm_chain},
    {"two_outputs", two_outputs},
});

Outputs run_graph(OpCall& call) {
  const std::string name = call.params.at("name");
  for (const Graph& graph : kGraphs) {
    if (graph.name == name) return graph.run(call.input("x"), call.input("w"));
  }
  throw NotOffered{"graph " + name};
}

}  // namespace

std::span<const OpAdapter> graph_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({{"graph", run_graph}});
  return kTable;
}

}  // namespace vitrine::golden
