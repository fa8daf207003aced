#include "ops/attention_heads.hpp"

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine::detail {
namespace {

// Heads are tasks. Where there are few, their queries are split too; each part packs the keys and
// values again, so it should not be small. Forward has so many tasks for each thread: a query's
// bits are the same in whatever part it is. In backward each part also has its own dK and dV, which
// are added, so that the parts may not depend on the number of threads.
constexpr int64_t kForwardTasks = 3;
constexpr int64_t kBackwardTasks = 8;

int64_t forward_tasks() { return threads() == 1 ? 1 : kForwardTasks * threads(); }

constexpr int64_t kMinQueries = 32;
// And where they are small, several are one chunk: multiply-adds that take some 10 us.
constexpr int64_t kChunkWork = 1 << 19;

/// The matrix of a mask that broadcasts over leading axes: an axis of 1 does not move.
void add_mask(const AttentionProblem& problem, int64_t i, kernels::AttentionHead<float>& h) {
  const Shape& shape = problem.mask->shape();
  const int64_t columns = shape.rank() > 0 ? shape.dim(-1) : 1;
  const int64_t rows = shape.rank() > 1 ? shape.dim(-2) : 1;
  int64_t offset = 0;
  int64_t step = rows * columns;
  for (int64_t axis = 1; axis <= shape.rank() - 2; ++axis) {
    const int64_t size = problem.leading.dim(-axis);
    const int64_t own = shape.dim(-2 - axis);
    if (own != 1) offset += i % size * step;
    step *= own;
    i /= size;
  }
  h.mask = problem.mask->data() + offset;
  h.mask_row = rows == 1 ? 0 : columns;
  h.mask_column = columns == 1 ? 0 : 1;
}

/// How a problem is cut into tasks, a range of queries of one head each: by its size and the tasks
/// wanted.
struct Cut {
  int64_t parts;    // per head
  int64_t queries;  // per part
  int64_t grain;    // tasks per chunk

  Cut(const AttentionProblem& problem, int64_t tasks) {
    const int64_t wanted = ceil_div(tasks, std::max<int64_t>(problem.count, 1));
    const int64_t most = std::max<int64_t>(problem.queries / kMinQueries, 1);
    queries = ceil_div(problem.queries, std::min(wanted, most));
    parts = ceil_div(problem.queries, queries);
    const int64_t work = problem.queries * problem.keys * problem.head_dim / parts;
    // Heads of one batch element share cache lines and pages.
    const int64_t neighbours = std::min(problem.heads, problem.count / tasks);
    grain = std::max({kChunkWork / std::max<int64_t>(work, 1), neighbours, int64_t{1}});
  }
};

struct Part {
  int64_t head, begin, end;  // queries [begin, end) of a head
  int64_t index;             // which part of its head
  bool last;                 // this chunk goes on with the next head otherwise
  int worker;
};

template <class F>
void for_each_part(const AttentionProblem& problem, const Cut& cut, const F& f) {
  parallel_chunks(problem.count * cut.parts, cut.grain,
                  [&](int64_t, int64_t begin, int64_t end, int worker) {
                    for (int64_t task = begin; task < end; ++task) {
                      const int64_t index = task % cut.parts;
                      const int64_t row = index * cut.queries;
                      f(Part{task / cut.parts, row, std::min(row + cut.queries, problem.queries),
                             index, task + 1 == end || cut.parts > 1, worker});
                    }
                  });
}

/// Multiply-adds of Q K^T, and of every other product.
int64_t product_macs(const AttentionProblem& problem) {
  return problem.count * problem.queries * problem.keys * problem.head_dim;
}

/// One piece of scratch for each thread, whichever of them get work.
class WorkerScratch {
 public:
  explicit WorkerScratch(int64_t floats)
      : floats_(ceil_div(floats, 16) * 16), buffer_(scratch_floats(floats_ * threads())) {}
  float* of(int worker) const { return buffer_.floats() + worker * floats_; }

 private:
  int64_t floats_;
  Buffer buffer_;
};

/// to = the sum over the parts of each head, in order; from (heads, parts, keys, hd).
void add_parts(const AttentionProblem& problem, int64_t parts, const float* from,
               const HeadRows<float>& to) {
  if (to.data == nullptr) return;
  const int64_t size = problem.keys * problem.head_dim;
  parallel_for(problem.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* part = from + i * parts * size;
      float* row = to.at(i, problem.heads);
      for (int64_t j = 0; j < problem.keys; ++j, row += to.token, part += problem.head_dim) {
        for (int64_t d = 0; d < problem.head_dim; ++d) {
          float sum = part[d];
          for (int64_t n = 1; n < parts; ++n) sum += part[n * size + d];
          row[d] = sum;
        }
      }
    }
  });
}

}  // namespace

kernels::AttentionHead<float> AttentionProblem::head(int64_t i) const {
  kernels::AttentionHead<float> h{
      .queries = queries,
      .keys = keys,
      .head_dim = head_dim,
      .q = q.at(i, heads),
      .k = k.at(i, heads),
      .v = v.at(i, heads),
      .q_pitch = q.token,
      .k_pitch = k.token,
      .v_pitch = v.token,
      .scale = scale,
      .causal = causal,
  };
  if (mask != nullptr) add_mask(*this, i, h);
  return h;
}

void run_attention(const AttentionProblem& problem, const HeadRows<float>& o, float* max_sum) {
  profile_macs(2 * product_macs(problem));
  if (problem.empty()) return;
  const kernels::Attention& kernel = *kernels::active().attention;
  const Cut cut(problem, forward_tasks());
  const WorkerScratch scratch(kernel.forward_scratch(cut.queries, problem.keys, problem.head_dim));
  for_each_part(problem, cut, [&](const Part& part) {
    const auto head = problem.head(part.head);
    const auto next = problem.head(part.last ? part.head : part.head + 1);
    kernel.forward(head, part.begin, part.end, o.at(part.head, problem.heads), o.token,
                   max_sum == nullptr ? nullptr : max_sum + 2 * part.head * problem.queries,
                   part.last ? nullptr : &next, scratch.of(part.worker));
  });
}

void run_attention_probabilities(const AttentionProblem& problem, float* p) {
  if (problem.empty()) return;
  const kernels::Attention& kernel = *kernels::active().attention;
  const Cut cut(problem, forward_tasks());
  const WorkerScratch scratch(
      kernel.probabilities_scratch(cut.queries, problem.keys, problem.head_dim));
  for_each_part(problem, cut, [&](const Part& part) {
    kernel.probabilities(problem.head(part.head), part.begin, part.end,
                         p + part.head * problem.queries * problem.keys, scratch.of(part.worker));
  });
}

void run_attention_backward(const AttentionProblem& problem, const AttentionBackwardRows& rows) {
  // P is computed again, which makes five products; the work that had to be done is four.
  profile_macs(4 * product_macs(problem));
  if (problem.empty()) return;
  const kernels::Attention& kernel = *kernels::active().attention;
  const Cut cut(problem, kBackwardTasks);
  const WorkerScratch scratch(kernel.backward_scratch(cut.queries, problem.keys, problem.head_dim));
  // The parts of a head add up to its dK and dV.
  const int64_t size = problem.keys * problem.head_dim;
  const Buffer partial = scratch_floats(cut.parts > 1 ? 2 * problem.count * cut.parts * size : 0);
  float* const partial_dk = partial.floats();
  float* const partial_dv = partial_dk + partial.bytes() / 2 / int64_t{sizeof(float)};

  const auto head_of = [&](int64_t i, int64_t part) {
    kernels::AttentionBackwardHead<float> head{
        .head = problem.head(i),
        .d_o = rows.d_o.at(i, problem.heads),
        .o = rows.o.at(i, problem.heads),
        .d_o_pitch = rows.d_o.token,
        .o_pitch = rows.o.token,
        .max_sum = rows.max_sum + 2 * i * problem.queries,
        .dq = rows.dq.at(i, problem.heads),
        .dk = rows.dk.at(i, problem.heads),
        .dv = rows.dv.at(i, problem.heads),
        .dq_pitch = rows.dq.token,
        .dk_pitch = rows.dk.token,
        .dv_pitch = rows.dv.token,
    };
    if (cut.parts > 1) {
      const int64_t at = (i * cut.parts + part) * size;
      head.dk = head.dk == nullptr ? nullptr : partial_dk + at;
      head.dv = head.dv == nullptr ? nullptr : partial_dv + at;
      head.dk_pitch = head.dv_pitch = problem.head_dim;
    }
    return head;
  };
  for_each_part(problem, cut, [&](const Part& part) {
    const auto head = head_of(part.head, part.index);
    const auto next = head_of(part.last ? part.head : part.head + 1, 0);
    kernel.backward(head, part.begin, part.end, part.last ? nullptr : &next,
                    scratch.of(part.worker));
  });
  if (cut.parts > 1) {
    add_parts(problem, cut.parts, partial_dk, rows.dk);
    add_parts(problem, cut.parts, partial_dv, rows.dv);
  }
}

}  // namespace vitrine::detail
