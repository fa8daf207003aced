#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "models/c_api/vitrine.h"
#include "models/weights/load_model.hpp"

namespace vitrine {

/// A model behind a handle of the C interface; constant, so any thread may use it.
struct OpenModel {
  Model model;
  std::vector<std::string> labels;  ///< one per class, made up if the file has none
  std::string notes;                ///< lines
};

/// Loads a model and packs its weights for the active ISA.
///   options   null for none
/// Throws what find_model, load_model and resize_model throw, and UsageError if the options are of
/// an impossible size or hold something that this version does not know.
std::shared_ptr<const OpenModel> open_model_file(const std::string& name,
                                                 const vitrine_open_options* options);

/// The models that are open, by handle.
/// Invariants:
///   1. A handle is a number that looks like a pointer, and is never given twice: a closed one is
///      recognised, and nothing behind it is touched.
///   2. Any thread may call anything. A model lives until the last call that uses it has ended.
class OpenModels {
 public:
  vitrine_model* add(std::shared_ptr<const OpenModel> model);
  /// Throws UsageError if the handle is null, closed, or none at all.
  std::shared_ptr<const OpenModel> get(const vitrine_model* handle) const;
  /// Throws UsageError as get.
  void remove(const vitrine_model* handle);
  bool empty() const;

 private:
  mutable std::mutex mutex_;
  std::map<uintptr_t, std::shared_ptr<const OpenModel>> models_;
  uintptr_t last_ = 0;
};

}  // namespace vitrine
