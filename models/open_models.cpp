#include "models/open_models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <mutex>

#include "core/error.hpp"
#include "models/find_model.hpp"

namespace vitrine {
namespace {

uintptr_t number_of(const vitrine_model* handle) { return std::bit_cast<uintptr_t>(handle); }

[[noreturn]] void refuse(const vitrine_model* handle) {
  throw UsageError(handle == nullptr ? "the model is a null pointer"
                                     : "the model is not open: it was closed, or never opened");
}

}  // namespace

std::shared_ptr<const OpenModel> open_model_file(const std::string& name) {
  auto open = std::make_shared<OpenModel>();
  open->model = load_frozen_model(find_model(name));
  open->labels = open->model.labels;
  const auto classes = static_cast<size_t>(open->model.network->network_config().classes);
  for (size_t i = open->labels.size(); i < classes; ++i) {
    open->labels.push_back(fmt::format("class {}", i));
  }
  open->notes = fmt::format("{}", fmt::join(open->model.notes, "\n"));
  return open;
}

vitrine_model* OpenModels::add(std::shared_ptr<const OpenModel> model) {
  const std::lock_guard lock(mutex_);
  // Odd: no object lies there.
  last_ = last_ == 0 ? 1 : last_ + 2;
  models_.emplace(last_, std::move(model));
  return std::bit_cast<vitrine_model*>(last_);
}

std::shared_ptr<const OpenModel> OpenModels::get(const vitrine_model* handle) const {
  const std::shared_lock lock(mutex_);
  const auto found = models_.find(number_of(handle));
  if (found == models_.end()) refuse(handle);
  return found->second;
}

void OpenModels::remove(const vitrine_model* handle) {
  // The model itself ends after the lock: giving much memory back takes its time.
  std::shared_ptr<const OpenModel> model;
  const std::lock_guard lock(mutex_);
  const auto found = models_.find(number_of(handle));
  if (found == models_.end()) refuse(handle);
  model = std::move(found->second);
  models_.erase(found);
}

bool OpenModels::empty() const {
  const std::shared_lock lock(mutex_);
  return models_.empty();
}

}  // namespace vitrine
