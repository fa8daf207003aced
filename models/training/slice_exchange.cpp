#include "models/training/slice_exchange.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/ceil_div.hpp"
#include "core/dry_run.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/optimizers/clip_grad_norm.hpp"

namespace vitrine {
namespace {

constexpr int64_t kBlock = 1 << 14;  // floats of a task: some microseconds
// Buckets under way, of which each rank holds what it receives: a MiB for each of its nodes.
constexpr size_t kMostUnderWay = 32;

std::span<std::byte> bytes_of(float* first, int64_t floats) {
  return std::as_writable_bytes(std::span(first, static_cast<size_t>(floats)));
}

std::span<const std::byte> bytes_of(const float* first, int64_t floats) {
  return std::as_bytes(std::span(first, static_cast<size_t>(floats)));
}

/// A copy on all threads.
void copy(const float* from, int64_t floats, float* to) {
  parallel_for(floats, kBlock, [&](int64_t begin, int64_t end) {
    std::copy(from + begin, from + end, to + begin);
  });
}

}  // namespace

SliceExchange::SliceExchange(Group& group, std::span<const int64_t> sizes, int64_t shards)
    : group_(group),
      slices_(slices_of(sizes, group.size())),
      sizes_(sizes.begin(), sizes.end()),
      sent_(sizes.size()),
      wanted_(sizes.size()),
      reached_(sizes.size()) {
  const auto ranks = static_cast<size_t>(group.size());
  for (size_t i = 0; i < slices_.size(); ++i) {
    const Slice& slice = slices_[i];
    if (slice.bucket == buckets_.size()) {
      buckets_.emplace_back().first = i;
      buckets_.back().floats.resize(ranks);
    }
    Bucket& b = buckets_.back();
    b.end = i + 1;
    b.floats[static_cast<size_t>(slice.owner)] += slice.floats();
    if (std::ranges::find(b.parameters, slice.parameter) == b.parameters.end()) {
      b.parameters.push_back(slice.parameter);
    }
    if (slice.owner == group.rank()) own_.push_back(slice);
  }
  std::vector<ShardRange> all;
  for (int rank = 0; rank < group.size(); ++rank) {
    nodes_.push_back(nodes_of(shards_of(rank, group.size(), shards)));
    all.insert(all.end(), nodes_.back().begin(), nodes_.back().end());
  }
  sums_ = sums_of(all);
  reset();
}

/// What is under way writes into buffers of this.
SliceExchange::~SliceExchange() {
  for (Bucket& b : buckets_) wait(b);
}

void SliceExchange::reset() {
  std::ranges::fill(wanted_, 0);
  for (Bucket& b : buckets_) {
    b.missing = b.parameters.size();
    for (const size_t p : b.parameters) ++wanted_[p];
  }
  full_.clear();
  begun_ = summed_ = 0;
  reached_.assign(sent_.size(), false);
  gradients_.assign(own_.size(), Tensor());
}

void SliceExchange::wait(Bucket& b) {
  if (b.exchange < 0) return;
  const ProfileScope profile(kGradients);
  group_.wait(b.exchange);
  b.exchange = -1;
}

/// One of this rank's nodes of a slice.
const float* SliceExchange::node_of(const Slice& slice, size_t node) {
  const Tensor& sum = sent_[slice.parameter][node];
  if (sum.defined()) return sum.data() + slice.begin;
  if (zeros_.bytes() == 0) {
    int64_t most = 0;
    for (const Slice& s : slices_) most = std::max(most, s.floats());
    zeros_ = scratch_floats(most);
    std::fill(zeros_.floats(), zeros_.floats() + most, 0.0F);
  }
  return zeros_.floats();
}

/// This rank's nodes of its own slices, where those of others will be added to them.
void SliceExchange::pack_own(Bucket& b) {
  const auto self = static_cast<size_t>(group_.rank());
  float* to = b.in[self].floats();
  for (size_t node = 0; node < nodes_[self].size(); ++node) {
    for (const Slice& slice : slices_in(b)) {
      if (slice.owner != group_.rank()) continue;
      copy(node_of(slice, node), slice.floats(), to);
      to += slice.floats();
    }
  }
}

/// Sends the nodes of others' slices from where they lie, in the order in which they arrive.
void SliceExchange::send(size_t bucket) {
  Bucket& b = buckets_[bucket];
  const auto self = static_cast<size_t>(group_.rank());
  std::vector<Group::Outgoing> out;
  std::vector<Group::Incoming> in;
  for (size_t node = 0; node < nodes_[self].size(); ++node) {
    for (const Slice& slice : slices_in(b)) {
      if (slice.owner == group_.rank()) continue;
      out.push_back({slice.owner, bytes_of(node_of(slice, node), slice.floats())});
    }
  }
  for (size_t r = 0; r < nodes_.size(); ++r) {
    b.in.push_back(scratch_floats(b.floats[self] * std::ssize(nodes_[r])));
    if (r == self) continue;
    float* to = b.in[r].floats();
    for (size_t node = 0; node < nodes_[r].size(); ++node) {
      for (const Slice& slice : slices_in(b)) {
        if (slice.owner != group_.rank()) continue;
        in.push_back({static_cast<int>(r), bytes_of(to, slice.floats())});
        to += slice.floats();
      }
    }
  }
  if (DryRun::current() == nullptr) {
    b.exchange = group_.begin(static_cast<int>(bucket), out, in);
  }
  pack_own(b);
}

void SliceExchange::send_gradient(size_t parameter, std::vector<Tensor> nodes) {
  reached_[parameter] = std::ranges::any_of(nodes, &Tensor::defined);
  sent_[parameter] = std::move(nodes);
  for (size_t i = 0; i < buckets_.size(); ++i) {
    Bucket& b = buckets_[i];
    if (std::ranges::find(b.parameters, parameter) == b.parameters.end()) continue;
    if (--b.missing == 0) full_.push_back(i);
  }
  get_on(/*waiting=*/false);
}

/// Sends what is full and adds up what has arrived, which takes more memory as it came.
void SliceExchange::get_on(bool waiting) {
  while (summed_ < full_.size()) {
    while (begun_ < full_.size() && begun_ < summed_ + kMostUnderWay) send(full_[begun_++]);
    Bucket& b = buckets_[full_[summed_]];
    if (b.exchange >= 0 && group_.done(b.exchange)) b.exchange = -1;
    if (b.exchange >= 0 && !waiting) return;
    wait(b);
    sum(b);
    ++summed_;
  }
}

/// Adds up all ranks' nodes of own slices.
void SliceExchange::sum(Bucket& b) {
  const auto self = static_cast<size_t>(group_.rank());
  const int64_t floats = b.floats[self];
  std::vector<float*> nodes;
  for (size_t r = 0; r < nodes_.size(); ++r) {
    for (int64_t i = 0; i < std::ssize(nodes_[r]); ++i) {
      nodes.push_back(b.in[r].floats() + i * floats);
    }
  }
  parallel_for(floats, kBlock, [&](int64_t begin, int64_t end) {
    for (const TreeSum& s : sums_) {
      float* to = nodes[s.to];
      const float* from = nodes[s.from];
      for (int64_t i = begin; i < end; ++i) to[i] += from[i];
    }
  });
  int64_t at = 0;
  for (size_t i = 0; i < own_.size(); ++i) {
    const Slice& slice = own_[i];
    if (&buckets_[slice.bucket] != &b) continue;
    if (reached_[slice.parameter]) {
      gradients_[i] = Tensor::empty({slice.floats()});
      copy(nodes.front() + at, slice.floats(), gradients_[i].mutable_data());
    }
    at += slice.floats();
  }
  b.in.clear();
  for (const size_t p : b.parameters) {
    if (--wanted_[p] == 0) sent_[p].clear();
  }
}

std::vector<Tensor> SliceExchange::take_gradients() {
  VT_CHECK(full_.size() == buckets_.size());
  get_on(/*waiting=*/true);
  std::vector<Tensor> gradients = std::move(gradients_);
  reset();
  return gradients;
}

double SliceExchange::norm(std::span<const Tensor> own_gradients) {
  const std::vector<double> own = grad_squares(own_gradients);
  if (DryRun::current() != nullptr) return 0;
  struct Square {
    size_t parameter;
    int64_t chunk;
    double value;
  };
  std::vector<Square> squares;
  size_t next = 0;
  for (size_t i = 0; i < own_.size(); ++i) {
    if (!own_gradients[i].defined()) continue;
    for (int64_t at = own_[i].begin; at < own_[i].end; at += kNormChunk) {
      squares.push_back({own_[i].parameter, at / kNormChunk, own[next++]});
    }
  }
  std::vector<Square> all = gather_lists(group_, squares);
  std::ranges::sort(all, [](const Square& a, const Square& b) {
    return a.parameter != b.parameter ? a.parameter < b.parameter : a.chunk < b.chunk;
  });
  double sum = 0;
  for (const Square& s : all) sum += s.value;
  return std::sqrt(sum);
}

/// From where they lie to where they lie.
void SliceExchange::share(const ValueOf& value_of) {
  if (DryRun::current() != nullptr) return;
  std::vector<Group::Outgoing> out;
  std::vector<Group::Incoming> in;
  for (const Slice& slice : slices_) {
    Tensor value = value_of(slice.parameter);
    if (slice.owner != group_.rank()) {
      in.push_back({slice.owner, bytes_of(value.mutable_data() + slice.begin, slice.floats())});
      continue;
    }
    for (int rank = 0; rank < group_.size(); ++rank) {
      if (rank == slice.owner) continue;
      out.push_back({rank, bytes_of(value.data() + slice.begin, slice.floats())});
    }
  }
  const ProfileScope profile(kWeights);
  group_.wait(group_.begin(static_cast<int>(buckets_.size()), out, in));
}

Tensor SliceExchange::collect(size_t parameter, const Shape& shape,
                              const std::function<Tensor(size_t)>& part) {
  std::vector<Group::Outgoing> out;
  std::vector<Group::Incoming> in;
  std::vector<Tensor> parts;  // kept until they have left
  Tensor whole = group_.first() ? Tensor::empty(shape) : Tensor();
  for (const Slice& slice : slices_) {
    if (slice.parameter != parameter) continue;
    if (slice.owner == group_.rank()) {
      const auto same = [&](const Slice& s) {
        return s.parameter == parameter && s.begin == slice.begin;
      };
      parts.push_back(part(static_cast<size_t>(std::ranges::find_if(own_, same) - own_.begin())));
      if (group_.first()) {
        copy(parts.back().data(), slice.floats(), whole.mutable_data() + slice.begin);
      } else {
        out.push_back({0, std::as_bytes(parts.back().values())});
      }
    } else if (group_.first()) {
      float* to = whole.mutable_data() + slice.begin;
      in.push_back({slice.owner,
                    std::as_writable_bytes(std::span(to, static_cast<size_t>(slice.floats())))});
    }
  }
  group_.wait(group_.begin(static_cast<int>(buckets_.size()) + 1, out, in));
  return whole;
}

}  // namespace vitrine
