#include "apps/bench/measure_gemm.hpp"

#include <cmath>
#include <memory>
#include <utility>

#include "apps/bench/fill_random.hpp"
#include "core/error.hpp"
#include "core/tensor.hpp"

namespace vitrine {
namespace {

/// In memory of the kind that the operations' results lie in, huge pages if it is large.
Tensor random_matrix(int64_t floats, uint64_t stream) {
  Tensor values = Tensor::empty({floats});
  fill_random({values.mutable_data(), static_cast<size_t>(floats)}, 1, stream);
  return values;
}

struct Operands {
  const GemmShape& s;
  int64_t lda, ldb;
  Tensor a, b, c;

  explicit Operands(const GemmShape& shape)
      : s(shape),
        lda(shape.a == Trans::kNo ? shape.k : shape.m),
        ldb(shape.b == Trans::kNo ? shape.n : shape.k),
        a(random_matrix(shape.batch * shape.m * shape.k, 1)),
        b(random_matrix(shape.batch * shape.k * shape.n, 2)),
        c(Tensor::zeros({shape.batch * shape.m * shape.n})) {}

  void ours() {
    if (s.batch == 1) {
      gemm(s.a, s.b, s.m, s.n, s.k, a.data(), lda, b.data(), ldb, c.mutable_data(), s.n);
      return;
    }
    const GemmBatchAxis axis{s.batch, s.m * s.k, s.k * s.n, s.m * s.n};
    gemm_batched(std::span(&axis, 1), s.a, s.b, s.m, s.n, s.k, a.data(), lda, b.data(), ldb,
                 c.mutable_data(), s.n);
  }
  void packed(const PackedMatrix& matrix) {
    gemm(s.a, s.m, a.data(), lda, matrix, c.mutable_data(), s.n);
  }
  void theirs(const GemmPeer& peer) {
    for (int64_t i = 0; i < s.batch; ++i) {
      peer(s.a, s.b, s.m, s.n, s.k, a.data() + i * s.m * s.k, lda, b.data() + i * s.k * s.n, ldb,
           c.mutable_data() + i * s.m * s.n, s.n);
    }
  }
};

void check_peer(Operands& operands, const GemmPeer& peer) {
  operands.ours();
  const Tensor want = std::exchange(operands.c, Tensor::zeros(operands.c.shape()));
  operands.theirs(peer);
  const float tolerance = 1e-5F * static_cast<float>(operands.s.k);
  for (int64_t i = 0; i < want.numel(); ++i) {
    if (!(std::abs(operands.c.data()[i] - want.data()[i]) <= tolerance)) {
      throw IoError(peer.name(), "computes another product than we do");
    }
  }
}

}  // namespace

std::vector<GemmShape> default_gemm_shapes() {
  const Trans no = Trans::kNo;
  const Trans yes = Trans::kYes;
  return {
      {"square", 1024, 1024, 1024},
      {"ViT-B proj", 197, 768, 768},
      {"ViT-B qkv", 197, 2304, 768},
      {"ViT-B fc1", 197, 3072, 768},
      {"ViT-B fc2", 197, 768, 3072},
      {"ViT-B/32 fc1", 50, 3072, 768},
      {"ViT-B fc1, 8 images", 1576, 3072, 768},
      {"ViT-B head", 1, 1000, 768},
      {"ViT-Ti proj", 197, 192, 192},
      {"ViT-Ti fc1", 197, 768, 192},
      {"ViT-B QK^T, 12 heads", 197, 197, 64, no, yes, 12},
      {"ViT-B PV, 12 heads", 197, 64, 197, no, no, 12},
      {"ViT-B fc1 dW", 3072, 768, 1576, yes, no},
      {"ViT-B fc1 dX", 1576, 768, 3072, no, no},
  };
}

Turns measure_gemm(const GemmShape& shape, double seconds, std::span<const GemmPeer> peers) {
  Operands operands(shape);
  for (const GemmPeer& peer : peers) check_peer(operands, peer);

  std::vector<Contestant> contestants;
  std::unique_ptr<PackedMatrix> packed;
  if (shape.batch == 1) {
    packed = std::make_unique<PackedMatrix>(
        shape.k, shape.n, StridedMatrix::of(shape.b, operands.b.data(), operands.ldb));
    contestants.push_back({"vitrine, packed before", [&] { operands.packed(*packed); }});
  }
  contestants.push_back({"vitrine", [&] { operands.ours(); }});
  for (const GemmPeer& peer : peers) {
    contestants.push_back({peer.name(), [&] { operands.theirs(peer); }});
  }
  return take_turns(contestants, shape.flops(), seconds);
}

}  // namespace vitrine
