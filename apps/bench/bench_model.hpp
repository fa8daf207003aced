#pragma once

#include <cstdint>
#include <string>

#include "apps/bench/measure_time.hpp"

namespace vitrine {

struct ModelBench {
  std::string model = "vit_base_patch16_224";
  std::string precision = "f32";
  int64_t batch = 1;
  double seconds = 2;
  bool training = false;           ///< a step (forward, backward, AdamW) instead of a forward pass
  bool checkpoint_blocks = false;  ///< of a step: see checkpointed()
};

struct ModelBenchResult {
  Times ms;                   ///< per batch or step
  double gflops = 0;          ///< at ms.best; 2 per multiply-add, training counts 3 x forward
  double peak_gflops = 0;     ///< measured in between, same ISA and threads
  double memory_gbs = 0;      ///< GB/s that the same threads read from memory
  double peak_rss_mib = 0;    ///< most memory the process held
  double estimated_mib = 0;   ///< the same of training, as a rehearsal foretold it
  double first_answer_s = 0;  ///< from the start of the process
  int64_t calls = 0;
};

/// Times a model with random weights on random pictures. Throws UsageError for an unknown name.
ModelBenchResult bench_model(const ModelBench& bench, uint64_t seed);

}  // namespace vitrine
