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

std::span<std::byte> bytes_of(const Buffer& buffer) {
  return {buffer.data(), static_cast<size_t>(buffer.bytes())};
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
      unpacked_(sizes.size()),
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
  std::ranges::fill(unpacked_, 0);
  for (Bucket& b : buckets_) {
    b.missing = b.parameters.size();
    b.summed = false;
    for (const size_t p : b.parameters) ++unpacked_[p];
  }
  reached_.assign(sent_.size(), false);
  gradients_.assign(own_.size(), Tensor());
}

/// Sends `to_all`, or else b.out, and receives b.in.
void SliceExchange::begin(Bucket& b, int tag, const Buffer* to_all) {
  if (DryRun::current() != nullptr) return;
  std::vector<Group::Outgoing> out;
  std::vector<Group::Incoming> in;
  for (int rank = 0; rank < group_.size(); ++rank) {
    const auto r = static_cast<size_t>(rank);
    if (rank == group_.rank()) continue;
    const Buffer& outgoing = to_all != nullptr ? *to_all : b.out[r];
    if (outgoing.bytes() > 0) out.push_back({rank, bytes_of(outgoing)});
    if (b.in[r].bytes() > 0) in.push_back({rank, bytes_of(b.in[r])});
  }
  b.exchange = group_.begin(tag, out, in);
}

void SliceExchange::wait(Bucket& b, std::string_view what) {
  if (b.exchange < 0) return;
  const ProfileScope profile(what);
  group_.wait(b.exchange);
  b.exchange = -1;
}

/// This rank's nodes of an owner's slices, one node behind the other.
void SliceExchange::pack(const Bucket& b, int owner, float* to) const {
  const auto nodes = nodes_[static_cast<size_t>(group_.rank())].size();
  for (size_t node = 0; node < nodes; ++node) {
    for (const Slice& slice : slices_in(b)) {
      if (slice.owner != owner) continue;
      const std::vector<Tensor>& sums = sent_[slice.parameter];
      if (sums[node].defined()) {
        copy(sums[node].data() + slice.begin, slice.floats(), to);
      } else {
        parallel_for(slice.floats(), kBlock,
                     [&](int64_t begin, int64_t end) { std::fill(to + begin, to + end, 0.0F); });
      }
      to += slice.floats();
    }
  }
}

void SliceExchange::send(size_t bucket) {
  Bucket& b = buckets_[bucket];
  const auto ranks = static_cast<size_t>(group_.size());
  const auto self = static_cast<size_t>(group_.rank());
  b.out.resize(ranks);
  b.in.resize(ranks);
  for (size_t r = 0; r < ranks; ++r) {
    Buffer packed = scratch_floats(b.floats[r] * std::ssize(nodes_[self]));
    pack(b, static_cast<int>(r), packed.floats());
    if (r == self) {
      b.in[r] = std::move(packed);
    } else {
      b.out[r] = std::move(packed);
      b.in[r] = scratch_floats(b.floats[self] * std::ssize(nodes_[r]));
    }
  }
  begin(b, static_cast<int>(bucket), nullptr);
  for (const size_t p : b.parameters) {
    if (--unpacked_[p] == 0) sent_[p].clear();
  }
}

void SliceExchange::send_gradient(size_t parameter, std::vector<Tensor> nodes) {
  reached_[parameter] = std::ranges::any_of(nodes, &Tensor::defined);
  sent_[parameter] = std::move(nodes);
  for (size_t i = 0; i < buckets_.size(); ++i) {
    Bucket& b = buckets_[i];
    if (std::ranges::find(b.parameters, parameter) == b.parameters.end()) continue;
    if (--b.missing == 0) send(i);
  }
  // What has arrived is added up now: it takes more memory as it came.
  for (Bucket& b : buckets_) {
    if (b.missing == 0 && !b.summed && b.exchange >= 0 && group_.done(b.exchange)) {
      b.exchange = -1;
      sum(b);
    }
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
  b.out.clear();
  b.in.clear();
  b.summed = true;
}

std::vector<Tensor> SliceExchange::take_gradients() {
  for (Bucket& b : buckets_) {
    VT_CHECK(b.missing == 0);
    if (b.summed) continue;
    wait(b, kGradients);
    sum(b);
  }
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

void SliceExchange::share(const std::function<Tensor(size_t)>& value_of) {
  const auto ranks = static_cast<size_t>(group_.size());
  const auto self = static_cast<size_t>(group_.rank());
  for (size_t i = 0; i < buckets_.size(); ++i) {
    Bucket& b = buckets_[i];
    b.in.resize(ranks);
    for (size_t r = 0; r < ranks; ++r) b.in[r] = scratch_floats(b.floats[r]);
    float* to = b.in[self].floats();
    for (const Slice& slice : slices_in(b)) {
      if (slice.owner != group_.rank()) continue;
      copy(value_of(slice.parameter).data() + slice.begin, slice.floats(), to);
      to += slice.floats();
    }
    begin(b, static_cast<int>(buckets_.size() + i), &b.in[self]);
  }
  for (Bucket& b : buckets_) {
    wait(b, kWeights);
    std::vector<const float*> from;
    for (const Buffer& buffer : b.in) from.push_back(buffer.floats());
    for (const Slice& slice : slices_in(b)) {
      const float*& next = from[static_cast<size_t>(slice.owner)];
      if (slice.owner != group_.rank()) {
        Tensor value = value_of(slice.parameter);
        copy(next, slice.floats(), value.mutable_data() + slice.begin);
      }
      next += slice.floats();
    }
    b.in.clear();
  }
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
  group_.wait(group_.begin(static_cast<int>(2 * buckets_.size()), out, in));
  return whole;
}

}  // namespace vitrine
