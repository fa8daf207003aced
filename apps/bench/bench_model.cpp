#include "apps/bench/bench_model.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <vector>

#include "apps/bench/fill_random.hpp"
#include "apps/bench/measure_peak.hpp"
#include "core/process_memory.hpp"
#include "core/profile.hpp"
#include "models/training/training.hpp"
#include "models/weights/precision.hpp"

namespace vitrine {
namespace {

// The peak is measured in slices between the timed calls, about this often.
constexpr double kPeakEvery = 0.25;
constexpr double kPeakSlice = 0.02;

/// Seconds since this process was started, from the kernel's own record (proc(5), field 22).
double process_age() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  double uptime = 0;
  std::ifstream("/proc/uptime") >> uptime;
  return uptime - std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double peak_of(Precision precision) {
  switch (precision) {
    case Precision::kInt8:
      return measure_int8_peak(kPeakSlice);
    case Precision::kBfloat16:
      return measure_bf16_peak(kPeakSlice);
    case Precision::kFloat32:
      break;
  }
  return measure_peak(kPeakSlice);
}

Tensor random_images(const NetworkConfig& c, int64_t batch, uint64_t seed) {
  Tensor images = Tensor::empty({batch, c.image_height, c.image_width, c.channels});
  fill_random({images.mutable_data(), static_cast<size_t>(images.numel())}, seed);
  return images;
}

}  // namespace

ModelBenchResult bench_model(const ModelBench& bench, uint64_t seed) {
  const Precision precision = value_of(kPrecisions, "--precision", bench.precision);
  const auto named = network_config(bench.model);
  const NetworkConfig& config = *named;
  const auto network = config.build();
  network->initialize(seed);
  const Tensor images = random_images(config, bench.batch, seed);

  std::vector<int32_t> labels(static_cast<size_t>(bench.batch));
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] =
        static_cast<int32_t>(static_cast<int64_t>(i) % std::max<int64_t>(config.classes, 1));
  }
  std::unique_ptr<Training> training;
  std::function<void()> call = [&] { (*network)(images); };
  if (bench.training) {
    UpdateOptions options;
    options.checkpoint_blocks = bench.checkpoint_blocks;
    training = std::make_unique<Training>(*network, options);
    call = [&] {
      training->add_gradients(images, labels);
      training->update(1e-4);
    };
  } else {
    network->freeze();
    set_precision(*network, precision);
  }

  ModelBenchResult result;
  if (bench.training) {
    const int64_t steps = training->rehearse(images.shape(), false, 0);
    result.estimated_mib = mib(process_memory().resident_bytes + steps);
  }
  call();
  result.first_answer_s = process_age();
  call();  // the second call finds its memory in the pool
  result.peak_rss_mib = mib(process_memory().peak_bytes);

  reset_profile();  // the first calls wait for the system's pages, most of all their forward
  std::vector<double> times;
  double since_peak = kPeakEvery;
  const auto start = Clock::now();
  constexpr size_t kFewest = 5;
  while (since(start) < bench.seconds || times.size() < kFewest) {
    if (since_peak >= kPeakEvery) {
      result.peak_gflops = std::max(result.peak_gflops, peak_of(precision));
      since_peak = 0;
    }
    const auto begin = Clock::now();
    call();
    times.push_back(since(begin));
    since_peak += times.back();
  }
  result.calls = static_cast<int64_t>(times.size());
  result.ms = Times(times);
  result.memory_gbs = measure_bandwidth();
  const double flops =
      2.0 * static_cast<double>(config.macs() * bench.batch) * (bench.training ? 3 : 1);
  result.gflops = flops / result.ms.best / 1e6;
  return result;
}

}  // namespace vitrine
