#include "apps/bench/measure_scale.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "apps/bench/fill_random.hpp"
#include "apps/bench/measure_peak.hpp"
#include "core/error.hpp"
#include "core/process_memory.hpp"
#include "core/profile.hpp"
#include "models/training/training.hpp"

namespace vitrine {
namespace {

constexpr size_t kFewest = 5;
constexpr int kFirst = 2;  // updates that wait for the system's pages
constexpr double kRate = 1e-4;
// Read and written of memory for each parameter, where there are two ranks: 12 for each of its own,
// packed and taken back (a line that is written is read first), and 12 for each that it adds. More
// ranks take less for the former and more for the latter.
constexpr double kCopyBytes = 18;
// As a Run does, beside those of an update: what the parts gave, and whether to stop.
constexpr int kGathers = 2;

double median(const std::vector<double>& seconds) { return Times(seconds).median / 1e3; }

class ScaleMeasurement {
 public:
  ScaleMeasurement(const ScaleBench& bench, Group& group, uint64_t seed)
      : bench_(bench), group_(group) {
    if (!std::has_single_bit(static_cast<unsigned>(group.size()))) {
      throw UsageError("bench scale measures a power of two of ranks");
    }
    if (bench.batch % bench.shards != 0 ||
        !std::has_single_bit(static_cast<uint64_t>(bench.shards))) {
      throw UsageError("--shards: a power of two that divides --batch");
    }
    const auto config = network_config(bench.model);
    network_ = config->build();
    network_->initialize(seed);
    images_ = Tensor::empty(
        {bench.batch / bench.shards, config->image_height, config->image_width, config->channels});
    fill_random({images_.mutable_data(), static_cast<size_t>(images_.numel())}, seed);
    labels_.resize(static_cast<size_t>(images_.dim(0)));
    result_.work.parameters = config->parameters();
    result_.work.shards = bench.shards;
  }

  ScaleMeasured run() {
    if (group_.size() > 1) {
      together_ = training(group_, bench_.shards * group_.size());
      for (int i = 0; i < kFirst; ++i) train_together();
      result_.peak_bytes = process_memory().peak_bytes;
      measure_link();
    }
    alone_ = training(alone(), bench_.shards);
    const int64_t gradients = 4 * result_.work.parameters;
    result_.passes_bytes = alone_->rehearse(images_.shape(), false, 0) - gradients;
    for (int i = 0; i < kFirst; ++i) train_alone();
    if (group_.size() > 1) measure_carrying();
    take_turns();
    return result_;
  }

 private:
  std::unique_ptr<Training> training(Group& group, int64_t shards) {
    UpdateOptions options;
    options.shards = shards;
    return std::make_unique<Training>(*network_, options, group);
  }

  double passes(Training& training) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < training.parts(); ++i) training.add_gradients(images_, labels_);
    return since(start);
  }

  void train_alone() {
    const double image_seconds = passes(*alone_) / static_cast<double>(bench_.batch);
    const auto start = Clock::now();
    alone_->update(kRate);
    image_seconds_.push_back(image_seconds);
    update_seconds_.push_back(since(start));
  }

  void train_together() {
    const auto start = Clock::now();
    passes(*together_);
    together_->update(kRate);
    for (int i = 0; i < kGathers; ++i) gather_values(group_, i);
    together_seconds_.push_back(since(start));
  }

  /// Begins to send so many messages to the next rank, all at once.
  std::vector<int64_t> begin(int messages, size_t bytes) {
    out_.resize(bytes);
    in_.resize(static_cast<size_t>(messages) * bytes);
    const int next = (group_.rank() + 1) % group_.size();
    const int before = (group_.rank() + group_.size() - 1) % group_.size();
    std::vector<int64_t> exchanges;
    for (int i = 0; i < messages; ++i) {
      const Group::Outgoing to{next, out_};
      const Group::Incoming from{before,
                                 std::span(in_).subspan(static_cast<size_t>(i) * bytes, bytes)};
      exchanges.push_back(group_.begin(i, {&to, 1}, {&from, 1}));
    }
    return exchanges;
  }

  void wait(const std::vector<int64_t>& exchanges) {
    for (const int64_t exchange : exchanges) group_.wait(exchange);
  }

  double send(int messages, size_t bytes) {
    const auto start = Clock::now();
    wait(begin(messages, bytes));
    return since(start);
  }

  size_t bucket_bytes() const {
    return static_cast<size_t>(4 * bucket_floats(group_.size()) / group_.size());
  }

  /// A message takes latency + message, n at once latency + n * message, and each its bytes.
  void measure_link() {
    constexpr int kTimes = 50, kMany = 32, kBuckets = 64;
    const auto of_times = [&](int times, int messages, size_t bytes) {
      std::vector<double> seconds(static_cast<size_t>(times));
      for (double& s : seconds) s = send(messages, bytes);
      return std::ranges::max(gather_values(group_, median(seconds)));
    };
    const double one = of_times(kTimes, 1, 1);
    const double many = of_times(kTimes, kMany, 1);
    result_.link.message = std::max((many - one) / (kMany - 1), 0.0);
    result_.link.latency = std::max(one - result_.link.message, 0.0);
    const double buckets = of_times(kFewest, kBuckets, bucket_bytes());
    result_.link.gbits = 8e-9 * kBuckets * static_cast<double>(bucket_bytes()) / (buckets - one);
  }

  /// What passes lose while messages travel.
  void measure_carrying() {
    constexpr double kOfPasses = 0.7, kMostBytes = 128 << 20;
    const double bytes_per_second = 1e9 * result_.link.gbits / 8;
    const double most = std::min(kMostBytes, kOfPasses * bytes_per_second * passes(*alone_));
    alone_->update(kRate);
    const auto own = static_cast<int>(most / static_cast<double>(bucket_bytes()));
    const int messages = std::max(1, gather_values(group_, own).front());
    std::vector<double> quiet(kFewest), beside(kFewest);
    for (size_t i = 0; i < kFewest; ++i) {
      quiet[i] = passes(*alone_);
      alone_->update(kRate);
      const std::vector<int64_t> exchanges = begin(messages, bucket_bytes());
      beside[i] = passes(*alone_);
      wait(exchanges);
      alone_->update(kRate);
    }
    const double lost = std::max(median(beside) - median(quiet), 0.0);
    const std::vector<double> all = gather_values(group_, lost);
    result_.link.carry = std::ranges::max(all) / (messages * static_cast<double>(bucket_bytes()));
  }

  /// The median over turns of the rank that took longest in each: the others wait for it.
  double slowest(const std::vector<double>& own) {
    const std::vector<double> all = gather_lists(group_, own);
    std::vector<double> of_turn(own.size());
    for (size_t i = 0; i < all.size(); ++i) {
      double& most = of_turn[i % own.size()];
      most = std::max(most, all[i]);
    }
    return median(of_turn);
  }

  void take_turns() {
    image_seconds_.clear();
    update_seconds_.clear();
    together_seconds_.clear();
    const bool profiled = profiling();
    reset_profile();
    double waited = 0;
    for (const auto start = Clock::now();;) {
      const char goes_on = since(start) < bench_.seconds || image_seconds_.size() < kFewest ? 1 : 0;
      if (gather_values(group_, goes_on).front() == 0) break;  // the first rank's clock
      train_alone();
      if (together_ == nullptr) continue;
      gather_values(group_, goes_on);  // the slowest is ready
      const double before = group_.waited();
      set_profiling(true);
      train_together();
      set_profiling(profiled);
      waited += group_.waited() - before;
    }
    const double image = median(image_seconds_);
    const double update = median(update_seconds_);
    const auto images = static_cast<double>(bench_.batch);
    for (const double seconds : gather_values(group_, images * image + update)) {
      result_.alone += images / seconds;
    }
    result_.work.image_seconds = slowest(image_seconds_);
    result_.work.update_seconds = slowest(update_seconds_);
    result_.work.copy_seconds =
        slowest({kCopyBytes * static_cast<double>(result_.work.parameters) / measure_bandwidth()}) /
        1e9;
    if (together_ != nullptr) sum_up(waited / static_cast<double>(together_seconds_.size()));
  }

  /// Where the time together has gone.
  void sum_up(double waited) {
    const double total = median(together_seconds_);
    const auto updates = static_cast<double>(together_seconds_.size());
    ScaleTime& t = result_.time;
    for (const ProfileRow& row : profile_rows()) {
      if (row.name == SliceExchange::kGradients) t.gradients = row.seconds / updates;
      if (row.name == SliceExchange::kWeights) t.weights = row.seconds / updates;
    }
    t.gathers = waited - t.gradients - t.weights;
    t.update = result_.work.update_seconds / group_.size();
    t.compute = total - t.network() - t.update;
    result_.together = static_cast<double>(bench_.batch * group_.size()) / total;
  }

  const ScaleBench& bench_;
  Group& group_;
  std::unique_ptr<Network> network_;
  Tensor images_;  // of a shard
  std::vector<int32_t> labels_;
  std::vector<std::byte> out_, in_;
  std::unique_ptr<Training> together_, alone_;
  std::vector<double> image_seconds_, update_seconds_, together_seconds_;
  ScaleMeasured result_;
};

}  // namespace

ScaleMeasured measure_scale(const ScaleBench& bench, Group& group, uint64_t seed) {
  return ScaleMeasurement(bench, group, seed).run();
}

}  // namespace vitrine
