#include "apps/bench/gemm_peer.hpp"

#include <dlfcn.h>

#include <filesystem>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

// cblas.h
constexpr int kRowMajor = 101;
constexpr int kNoTrans = 111;
constexpr int kTrans = 112;

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

/// OpenMP builds listen to the runtime that we share with them; the others have calls of their own.
void set_peer_threads(void* library, int n) {
  for (const char* name :
       {"openblas_set_num_threads", "MKL_Set_Num_Threads", "omp_set_num_threads"}) {
    if (const auto set = symbol<void (*)(int)>(library, name)) set(n);
  }
  if (const auto set = symbol<void (*)(int64_t)>(library, "bli_thread_set_num_threads")) set(n);
}

}  // namespace

GemmPeer::GemmPeer(const std::string& library)
    : name_(std::filesystem::path(library).filename().string()) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw IoError(library, std::string("cannot open: ") + dlerror());
  dnnl_ = symbol<Dnnl>(handle, "dnnl_sgemm");
  cblas_ = symbol<Cblas>(handle, "cblas_sgemm");
  if (dnnl_ == nullptr && cblas_ == nullptr) {
    throw IoError(library, "exports neither cblas_sgemm nor dnnl_sgemm");
  }
  set_peer_threads(handle, threads());
}

void GemmPeer::operator()(Trans a, Trans b, int64_t m, int64_t n, int64_t k, const float* a_data,
                          int64_t lda, const float* b_data, int64_t ldb, float* c,
                          int64_t ldc) const {
  if (dnnl_ != nullptr) {
    const auto letter = [](Trans t) { return t == Trans::kNo ? 'N' : 'T'; };
    dnnl_(letter(a), letter(b), m, n, k, 1.0F, a_data, lda, b_data, ldb, 0.0F, c, ldc);
    return;
  }
  const auto number = [](Trans t) { return t == Trans::kNo ? kNoTrans : kTrans; };
  const auto i = [](int64_t size) { return static_cast<int>(size); };
  cblas_(kRowMajor, number(a), number(b), i(m), i(n), i(k), 1.0F, a_data, i(lda), b_data, i(ldb),
         0.0F, c, i(ldc));
}

}  // namespace vitrine
