#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/interrupt.hpp"
#include "core/isa.hpp"
#include "core/memory.hpp"
#include "core/text/json_text.hpp"
#include "models/training/run.hpp"
#include "models/weights/checkpoint.hpp"

// What the ranks of a run do together beside its steps: begin, stop, evaluate.

namespace vitrine {

bool Run::any_rank(bool here) const {
  return std::ranges::any_of(gather_lists(group_, std::vector<char>{here ? '1' : '0'}),
                             [](char c) { return c == '1'; });
}

/// Throws Error unless all ranks are about to train the same from the same place. Nobody is through
/// before all have come.
void Run::agree() const {
  if (group_.size() == 1) return;
  std::string all = write_json(options_.to_json());
  all += fmt::format(" {} {} {} {}", isa_name(active_isa()), epoch_, step_, train_size_);
  uint64_t hash = fnv1a(std::as_bytes(std::span(all)), kHashStart);
  for (const NamedTensor& t : model_tensors(model_)) hash = fnv1a(t.tensor.bytes, hash);
  const std::vector<uint64_t> hashes = gather_values(group_, hash);
  for (size_t rank = 0; rank < hashes.size(); ++rank) {
    if (hashes[rank] == hashes.front()) continue;
    throw Error(
        fmt::format("rank {} is not about to train the same as rank 0: all must see the "
                    "same {}, the same data and weights, and run the same --isa",
                    rank, folder_));
  }
}

/// This rank's of some pictures that are evaluated.
std::vector<int64_t> Run::own_of(const std::vector<int64_t>& pictures) const {
  const auto n = static_cast<int64_t>(pictures.size());
  const auto cut = [&](int rank) { return pictures.begin() + n * rank / group_.size(); };
  return {cut(group_.rank()), cut(group_.rank() + 1)};
}

/// The whole evaluation, of which each rank computes its own pictures; the sums are those of one.
Evaluation Run::evaluate_with_all(const Network& network, Loader& own, int64_t classes) const {
  if (group_.size() == 1) return evaluate(network, own);
  std::vector<Judged> judged;
  bool stopped = false;
  try {
    judged = judge(network, own);
  } catch (const Interrupted&) {
    stopped = true;
  }
  if (any_rank(stopped)) throw Interrupted();
  Evaluation result;
  for (const Judged& picture : gather_lists(group_, judged)) result.add(picture, classes);
  return result;
}

/// Evaluates the weights on the validation part. Throws Interrupted, with everything as it was.
Evaluation Run::validate() {
  try {
    return evaluate_with_all(*model_.network, *validation_, data_.validation()->classes());
  } catch (...) {
    if (training_->has_average()) training_->swap_average();
    throw;
  }
}

Evaluation Run::test(const std::shared_ptr<const Dataset>& data) const {
  trim_memory();  // training is over
  const Model best = load_model(path(kModel));
  std::vector<int64_t> pictures(static_cast<size_t>(data->size()));
  std::iota(pictures.begin(), pictures.end(), int64_t{0});
  Loader loader(data, own_of(pictures),
                LoaderOptions::in_order(share_.size_of(options_.batch), workers_, best.preprocess));
  return evaluate_with_all(*best.network, loader, data->classes());
}

}  // namespace vitrine
