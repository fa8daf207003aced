#pragma once

#include <cstdint>
#include <string>

#include "ops/gemm/gemm.hpp"

namespace vitrine {

/// Another library's matrix product, opened at run time, to measure ours beside it: anything that
/// exports cblas_sgemm (OpenBLAS, BLIS, MKL, with 32-bit integers) or dnnl_sgemm (oneDNN).
/// The library stays open until the program ends: its threads could not be unloaded.
class GemmPeer {
 public:
  /// A path, or a name that the dynamic loader finds (libopenblas.so.0). Threads follow threads()
  /// as far as the library has a call for it; the rest is in its own environment variables. Throws
  /// IoError.
  explicit GemmPeer(const std::string& library);

  const std::string& name() const { return name_; }
  /// C = op(A) op(B), with the arguments of vitrine::gemm.
  void operator()(Trans a, Trans b, int64_t m, int64_t n, int64_t k, const float* a_data,
                  int64_t lda, const float* b_data, int64_t ldb, float* c, int64_t ldc) const;

 private:
  using Cblas = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                         const float* a, int lda, const float* b, int ldb, float beta, float* c,
                         int ldc);
  using Dnnl = int (*)(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                       const float* a, int64_t lda, const float* b, int64_t ldb, float beta,
                       float* c, int64_t ldc);
  std::string name_;
  Cblas cblas_ = nullptr;
  Dnnl dnnl_ = nullptr;
};

}  // namespace vitrine
