#pragma once

#include "models/data/dataset.hpp"
#include "models/training/run.hpp"

namespace vitrine {

/// The model that a fresh run begins with: the network that the options name or whose weights they
/// start from, with the changes that they ask for, its first weights, what it sees and the classes
/// of `data`; held_out is that of the weights it starts from. Their head is kept where they have
/// the same classes by name. The model's notes say what was decided. Throws UsageError, and what
/// load_model and start_from throw.
Model starting_model(const RunOptions& options, const Dataset& data);

}  // namespace vitrine
