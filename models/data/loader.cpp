#include "models/data/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <exception>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>

#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "models/data/random_erase.hpp"
#include "models/data/shuffle.hpp"
#include "ops/normalize.hpp"

namespace vitrine {
namespace {

// Work is handed out in pieces of about so many pixels: many small pictures, or one large one.
constexpr int64_t kPieceBytes = int64_t{1} << 15;
constexpr int kMaxWorkers = 256;
constexpr int64_t kMaxAhead = 1024;

void check(const LoaderOptions& o) {
  o.preprocess.validate();
  if (o.augment) o.augment->validate();
  const auto range = [](std::string_view what, int64_t value, int64_t low, int64_t high) {
    if (value >= low && value <= high) return;
    throw UsageError(fmt::format("{} must be {} to {}, got {}", what, low, high, value));
  };
  range("the batch", o.batch, 1, int64_t{1} << 20);
  if (o.share.shards < 1 || o.batch % o.share.shards != 0 || (o.share.shards > 1 && !o.drop_last)) {
    throw UsageError(
        fmt::format("a batch of {} cannot be cut into {} equal shards", o.batch, o.share.shards));
  }
  range("the number of loader threads", o.workers, 0, kMaxWorkers);
  range("repeats", o.repeats, 1, kMaxRepeats);
  range("the number of batches ahead", o.ahead, 1, kMaxAhead);
}

/// 0 .. n - 1.
std::vector<int64_t> numbers(int64_t n) {
  std::vector<int64_t> list(static_cast<size_t>(n));
  std::iota(list.begin(), list.end(), int64_t{0});
  return list;
}

/// CPU time of this thread so far.
int64_t thread_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// Adds the CPU time of each stretch of work to one of two sums, in nanoseconds.
class StopWatch {
 public:
  void add_to(std::atomic<int64_t>& sum) {
    const int64_t now = thread_nanoseconds();
    sum.fetch_add(now - last_, std::memory_order_relaxed);
    last_ = now;
  }

 private:
  int64_t last_ = thread_nanoseconds();
};

}  // namespace

LoaderOptions LoaderOptions::in_order(int64_t batch, int workers, Preprocess preprocess) {
  LoaderOptions o;
  o.batch = batch;
  o.shuffle = o.drop_last = false;
  o.workers = workers;
  o.preprocess = std::move(preprocess);
  return o;
}

// Batch b lives in slot b % slots. Its pieces are handed to the workers in order, as soon as the
// batch that had the slot before was given back. Everything below the mutex belongs to whoever
// holds it; but while a piece is being worked on, its part of the slot belongs to that worker.
struct Loader::State {
  struct Slot {
    Tensor buffer;  // (size, H, W, C)
    float* floats = nullptr;
    Batch batch;
    int64_t count = 0;        // pictures in this batch
    int64_t pieces_left = 0;  // not yet finished
    std::exception_ptr error;
    int64_t error_piece = 0;
  };
  struct Job {
    int64_t batch, piece;
  };

  std::shared_ptr<const Dataset> dataset;
  std::vector<int64_t> indices;
  LoaderOptions options;
  ReusedVector<float> mean, stddev;
  int64_t size = 1;  // pictures of a batch that is whole
  int64_t samples = 0, batches = 0;
  int64_t piece = 1;  // pictures in a piece

  std::vector<Slot> slots;
  std::vector<int64_t> order;  // of this epoch: positions in `indices`
  int64_t epoch = 0;
  bool started = false;  // start() was called
  bool held = false;     // the caller has batch `next` - 1
  int64_t next = 0;      // the batch that next() gives next
  std::chrono::steady_clock::duration waiting{};
  mutable std::atomic<int64_t> decoding = 0, preparing = 0;  // CPU time in nanoseconds

  std::mutex mutex;
  std::condition_variable work;  // there may be a job
  std::condition_variable done;  // a batch is complete, or begin() may go on
  bool stop = false;
  Job job{};        // the next one to hand out
  int64_t end = 0;  // batches from here on have no slot yet
  int busy = 0;     // workers at work
  std::vector<std::thread> threads;

  State(std::shared_ptr<const Dataset> data, std::vector<int64_t> picked, const LoaderOptions& o);
  void start_workers();
  void stop_workers();
  ~State();

  Slot& slot(int64_t batch) { return slots[static_cast<size_t>(batch) % slots.size()]; }
  int64_t pieces(const Slot& s) const { return ceil_div(s.count, piece); }
  void claim(int64_t batch);
  void prepare(Slot& s, int64_t batch, int64_t number, std::span<uint8_t> pixels) const;
  void prepare_here(int64_t batch);
  void run_worker();
  void begin(int64_t wanted_epoch, int64_t first_batch);
  const Batch* take();
};

Loader::State::State(std::shared_ptr<const Dataset> data, std::vector<int64_t> picked,
                     const LoaderOptions& o)
    : dataset(std::move(data)), indices(std::move(picked)), options(o) {
  check(o);
  for (const int64_t i : indices) dataset->check_number(i);
  mean = o.preprocess.mean_floats();
  stddev = o.preprocess.stddev_floats();
  const auto n = static_cast<int64_t>(indices.size());
  const int64_t whole = o.batch * o.share.together;
  size = o.share.size_of(o.batch);
  batches = o.share.parts() * (o.drop_last ? n / whole : ceil_div(n, whole));
  samples = o.drop_last ? batches * size : n;
  piece = std::clamp<int64_t>(kPieceBytes / o.preprocess.numel(), 1, size);

  order = numbers(n);
  // One more than may wait: the caller's.
  slots.resize(static_cast<size_t>(o.workers == 0 ? 1 : o.ahead + 1));
  for (Slot& s : slots) {
    const Preprocess& p = o.preprocess;
    s.buffer = Tensor::empty({size, p.height, p.width, p.channels});
    s.batch.labels.reserve(static_cast<size_t>(size));
    s.batch.indices.reserve(static_cast<size_t>(size));
  }
  start_workers();
}

void Loader::State::start_workers() {
  const int wanted = options.workers;
  try {
    threads.reserve(static_cast<size_t>(wanted));
    while (std::ssize(threads) < wanted) threads.emplace_back([this] { run_worker(); });
  } catch (const std::system_error& e) {
    if (wanted == 1) {  // usual, and not asked for: next() does it itself
      options.workers = 0;
      return;
    }
    const auto given = threads.size();
    stop_workers();
    throw Error(
        fmt::format("{} loader threads: the system gives {}: {}; take fewer with --workers, or 0",
                    wanted, given, e.code().message()));
  } catch (...) {
    stop_workers();
    throw;
  }
}

void Loader::State::stop_workers() {
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  work.notify_all();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

Loader::State::~State() { stop_workers(); }

// Makes the slot of `batch` ready to be filled. The batch that had it must have been given back.
void Loader::State::claim(int64_t batch) {
  if (batch >= batches) return;
  Slot& s = slot(batch);
  s.batch.images = Tensor();
  // Somebody still holds the tensor of the batch before: it stays theirs.
  if (!s.buffer.unique()) s.buffer = Tensor::empty(s.buffer.shape());
  s.floats = s.buffer.mutable_data();
  s.count = std::min(size, samples - batch * size);
  s.batch.labels.resize(static_cast<size_t>(s.count));
  s.batch.indices.resize(static_cast<size_t>(s.count));
  s.pieces_left = pieces(s);
  s.error = nullptr;
  end = batch + 1;
}

// Piece `number` of a batch: decode, augment, normalise. `pixels` is scratch for one picture.
void Loader::State::prepare(Slot& s, int64_t batch, int64_t number,
                            std::span<uint8_t> pixels) const {
  const Preprocess& rule = options.preprocess;
  const int64_t numel = rule.numel();
  const bool decodes = !dataset->in_memory();
  const int64_t first = options.share.first_place(batch, options.batch);
  Image storage;
  StopWatch watch;
  for (int64_t i = number * piece; i < std::min(s.count, (number + 1) * piece); ++i) {
    const int64_t place = first + i;
    const int64_t position = order[static_cast<size_t>(place / options.repeats)];
    const int64_t index = indices[static_cast<size_t>(position)];
    if (decodes) watch.add_to(preparing);
    const ImageView picture = dataset->picture(index, rule.channels, rule.exif, storage);
    if (decodes) watch.add_to(decoding);
    const std::span<float> to{s.floats + i * numel, static_cast<size_t>(numel)};
    const AugmentKey key{options.seed, epoch, index, place % options.repeats};
    if (options.augment) {
      augment(picture, rule, *options.augment, key, pixels);
    } else {
      prepare_pixels(picture, rule, pixels);
    }
    normalize_u8_into(pixels, mean, stddev, to);
    if (options.augment) random_erase(rule, *options.augment, key, to);
    s.batch.labels[static_cast<size_t>(i)] = dataset->labels()[static_cast<size_t>(index)];
    s.batch.indices[static_cast<size_t>(i)] = index;
  }
  watch.add_to(preparing);
}

void Loader::State::prepare_here(int64_t batch) {
  Slot& s = slot(batch);
  parallel_for(pieces(s), 1, [&](int64_t from, int64_t to) {
    std::vector<uint8_t> pixels(static_cast<size_t>(options.preprocess.numel()));
    for (int64_t p = from; p < to; ++p) prepare(s, batch, p, pixels);
  });
  s.pieces_left = 0;
}

void Loader::State::run_worker() {
  const SerialScope serial;  // the other processors compute
  std::vector<uint8_t> pixels;
  std::unique_lock lock(mutex);
  while (true) {
    work.wait(lock, [this] { return stop || job.batch < end; });
    if (stop) return;
    const Job mine = job;
    Slot& s = slot(mine.batch);
    job = mine.piece + 1 < pieces(s) ? Job{mine.batch, mine.piece + 1} : Job{mine.batch + 1, 0};
    ++busy;
    lock.unlock();
    std::exception_ptr error;
    try {
      pixels.resize(static_cast<size_t>(options.preprocess.numel()));
      prepare(s, mine.batch, mine.piece, pixels);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --busy;
    // The first in the batch, so that which error is reported does not depend on timing.
    if (error != nullptr && (s.error == nullptr || mine.piece < s.error_piece)) {
      s.error = error;
      s.error_piece = mine.piece;
    }
    --s.pieces_left;
    if (s.pieces_left == 0 || (end == 0 && busy == 0)) done.notify_all();
  }
}

void Loader::State::begin(int64_t wanted_epoch, int64_t first_batch) {
  if (wanted_epoch < 0 || wanted_epoch >= kMaxEpochs || first_batch < 0 || first_batch > batches) {
    throw ShapeError(fmt::format("[loader] cannot start at batch {} of {} of epoch {}", first_batch,
                                 batches, wanted_epoch));
  }
  std::unique_lock lock(mutex);
  // No more jobs, and those at work end.
  end = 0;
  job = {};
  done.wait(lock, [this] { return busy == 0; });

  epoch = wanted_epoch;
  if (options.shuffle) order = shuffled(static_cast<int64_t>(order.size()), options.seed, epoch);
  started = true;
  waiting = {};
  decoding = preparing = 0;
  held = false;
  next = first_batch;
  job = {first_batch, 0};
  for (size_t i = 0; i < slots.size(); ++i) claim(first_batch + static_cast<int64_t>(i));
  work.notify_all();
}

const Batch* Loader::State::take() {
  if (!started) return nullptr;
  std::unique_lock lock(mutex);
  if (held) {
    held = false;
    claim(next - 1 + static_cast<int64_t>(slots.size()));
    work.notify_all();
  }
  if (next == batches) return nullptr;
  Slot& s = slot(next);
  const auto start = std::chrono::steady_clock::now();
  if (options.workers == 0) {
    if (s.pieces_left > 0) prepare_here(next);
  } else {
    done.wait(lock, [&] { return s.pieces_left == 0; });
  }
  waiting += std::chrono::steady_clock::now() - start;
  if (s.error != nullptr) std::rethrow_exception(s.error);
  s.batch.images = s.count == size ? s.buffer : s.buffer.rows(0, s.count);
  held = true;
  ++next;
  return &s.batch;
}

Loader::Loader(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices,
               const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(dataset), std::move(indices), options)) {}

Loader::Loader(const std::shared_ptr<const Dataset>& dataset, const LoaderOptions& options)
    : Loader(dataset, numbers(dataset->size()), options) {}

Loader::~Loader() = default;

int64_t Loader::batches() const { return state_->batches; }

int64_t Loader::samples() const { return state_->samples; }

int64_t Loader::buffer_bytes() const {
  const int64_t slots = std::min(static_cast<int64_t>(state_->slots.size()), state_->batches);
  return slots * state_->size * state_->options.preprocess.numel() *
         static_cast<int64_t>(sizeof(float));
}

LoaderTimes Loader::times() const {
  constexpr double kNanosecond = 1e-9;
  return {kNanosecond * static_cast<double>(state_->decoding),
          kNanosecond * static_cast<double>(state_->preparing),
          std::chrono::duration<double>(state_->waiting).count()};
}

void Loader::start(int64_t epoch, int64_t first_batch) { state_->begin(epoch, first_batch); }

const Batch* Loader::next() { return state_->take(); }

std::vector<int64_t> shuffled(int64_t n, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order = numbers(n);
  Random random(seed, RandomPlace::kShuffle, static_cast<uint64_t>(epoch));
  shuffle(order, random);
  return order;
}

}  // namespace vitrine
