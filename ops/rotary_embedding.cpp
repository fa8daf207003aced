#include "ops/rotary_embedding.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/reuse.hpp"

namespace vitrine {
namespace {

// A chunk should take some microseconds, so that handing it out costs nothing.
constexpr int64_t kChunkElements = 1 << 14;

/// Where the vectors of a tensor lie, and the table's. `parts` times `heads` vectors of a token
/// turn: the heads of q, then those of k; or of one tensor alone.
struct Places {
  int64_t batch, parts, heads, tokens, head_dim, prefix;
  int64_t batch_pitch, part_pitch, head_pitch, token_pitch;
  bool per_head;  // the table has angles of every head's own
  RotaryLayout layout;

  int64_t patches() const { return tokens - prefix; }
  int64_t table_head_pitch() const { return per_head ? patches() * head_dim : 0; }
  int64_t sines() const { return (per_head ? heads : 1) * patches() * head_dim; }
  int64_t at(int64_t b, int64_t part, int64_t head, int64_t patch) const {
    return b * batch_pitch + part * part_pitch + head * head_pitch + (prefix + patch) * token_pitch;
  }
};

void check_table(const char* op, const Places& p, const Tensor& table, const Tensor& x) {
  check(p.head_dim % 2 == 0, op, "heads must have an even number of numbers");
  check(p.prefix >= 0 && p.prefix <= p.tokens, op, "prefix must be within the tokens");
  const bool per_head = table.defined() && table.rank() == 4;
  check_shape(
      op, "table", table,
      per_head ? Shape{2, p.heads, p.patches(), p.head_dim} : Shape{2, p.patches(), p.head_dim},
      "x", x.shape());
}

/// y, which may be x, has the vectors that do not turn already.
void rotate(const Places& p, bool back, const float* x, const Tensor& table, float* y) {
  const kernels::RotaryEmbedding& kernel = *kernels::active().rotary_embedding;
  const float* cos = table.data();
  const float* sin = cos + p.sines();
  const int64_t grain =
      std::max<int64_t>(kChunkElements / std::max<int64_t>(p.parts * p.heads * p.head_dim, 1), 1);
  parallel_for(p.batch * p.patches(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t patch = i % p.patches();
      const int64_t turn = patch * p.head_dim;
      for (int64_t part = 0; part < p.parts; ++part) {
        const int64_t at = p.at(i / p.patches(), part, 0, patch);
        kernel.rotate(p.layout, back, p.heads, p.head_dim, x + at, p.head_pitch, cos + turn,
                      sin + turn, p.table_head_pitch(), y + at);
      }
    }
  });
}

/// The sums over all vectors that an angle turns, in a fixed order.
Tensor table_gradient(const Places& p, const Tensor& x, const Tensor& dy, const Shape& shape) {
  Tensor gradient = Tensor::zeros(shape);
  const kernels::RotaryEmbedding& kernel = *kernels::active().rotary_embedding;
  float* dcos = gradient.mutable_data();
  float* dsin = dcos + p.sines();
  const int64_t rows = (p.per_head ? p.heads : 1) * p.patches();
  parallel_for(rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t patch = row % p.patches();
      const int64_t first = p.per_head ? row / p.patches() : 0;
      const int64_t last = p.per_head ? first + 1 : p.heads;
      for (int64_t b = 0; b < p.batch; ++b) {
        for (int64_t part = 0; part < p.parts; ++part) {
          for (int64_t head = first; head < last; ++head) {
            const int64_t at = p.at(b, part, head, patch);
            kernel.table_backward(p.layout, p.head_dim, x.data() + at, dy.data() + at,
                                  dcos + row * p.head_dim, dsin + row * p.head_dim);
          }
        }
      }
    }
  });
  return gradient;
}

Tensor rotated(const Places& p, const Tensor& x, const Tensor& table) {
  Tape* tape = Tape::recording({&x, &table});
  const bool keep_x = Tape::recording({&table}) != nullptr;
  Tensor y = !keep_x && reusable(x) ? x.detach() : x.clone();
  rotate(p, false, x.data(), table, y.mutable_data());
  if (tape != nullptr) {
    tape->record(
        {&x, &table}, y,
        [p, x = keep_x ? Saved(x) : Saved(), table = Saved(table)](const Tensor& dy, Needs needs) {
          const Tensor& turns = table;
          Tensor dx;
          if (needs[0]) {
            dx = dy.clone();
            rotate(p, true, dy.data(), turns, dx.mutable_data());
          }
          Tensor dtable;
          if (needs[1]) dtable = table_gradient(p, x, dy, turns.shape());
          return std::vector{dx, dtable};
        });
  }
  return y;
}

}  // namespace

// By value: an argument that nobody else holds gives its storage to the result.
// NOLINTBEGIN(performance-unnecessary-value-param)
Tensor rotary_embedding(Tensor x, const Tensor& table, RotaryLayout layout, int64_t prefix) {
  constexpr const char* kName = "rotary_embedding";
  const ProfileScope profile(kName);
  check(x.defined() && x.rank() == 4, kName, "x must be (B, H, N, hd)");
  const int64_t heads = x.dim(1);
  const int64_t tokens = x.dim(2);
  const int64_t hd = x.dim(3);
  const Places p{.batch = x.dim(0),
                 .parts = 1,
                 .heads = heads,
                 .tokens = tokens,
                 .head_dim = hd,
                 .prefix = prefix,
                 .batch_pitch = heads * tokens * hd,
                 .part_pitch = 0,
                 .head_pitch = tokens * hd,
                 .token_pitch = hd,
                 .per_head = table.defined() && table.rank() == 4,
                 .layout = layout};
  check_table(kName, p, table, x);
  return rotated(p, x, table);
}

Tensor rotary_embedding_qkv(Tensor qkv, int64_t heads, const Tensor& table, RotaryLayout layout,
                            int64_t prefix) {
  constexpr const char* kName = "rotary_embedding_qkv";
  const ProfileScope profile("rotary_embedding");
  check(qkv.defined() && qkv.rank() == 3 && heads > 0 && qkv.dim(2) % (3 * heads) == 0, kName,
        "qkv must be (B, N, 3 D) with D a multiple of the heads");
  const int64_t tokens = qkv.dim(1);
  const int64_t width = qkv.dim(2) / 3;
  const int64_t hd = width / heads;
  const Places p{.batch = qkv.dim(0),
                 .parts = 2,
                 .heads = heads,
                 .tokens = tokens,
                 .head_dim = hd,
                 .prefix = prefix,
                 .batch_pitch = tokens * 3 * width,
                 .part_pitch = width,
                 .head_pitch = hd,
                 .token_pitch = 3 * width,
                 .per_head = table.defined() && table.rank() == 4,
                 .layout = layout};
  check_table(kName, p, table, qkv);
  return rotated(p, qkv, table);
}
// NOLINTEND(performance-unnecessary-value-param)

}  // namespace vitrine
