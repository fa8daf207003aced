#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "tests/golden/case.hpp"

namespace vitrine::golden {

/// What an adapter of the family "ops" sees of a case.
class OpCall {
 public:
  OpCall(const Json& entry, const TensorFile& file)
      : params(entry.at("params")), inputs_(entry.at("inputs")), file_(file) {}

  const Json params;

  bool has(const std::string& name) const { return inputs_.contains(name); }
  /// The input of that name, the same handle each time.
  Tensor& input(const std::string& name);
  /// The same; undefined if the case has none.
  Tensor optional(const std::string& name) { return has(name) ? input(name) : Tensor(); }
  std::vector<int64_t> integers(const std::string& name) const;

 private:
  std::string stored_name(const std::string& name) const { return inputs_.at(name); }

  const Json& inputs_;
  const TensorFile& file_;
  std::map<std::string, Tensor> loaded_;
};

/// Outputs by name.
using Outputs = std::map<std::string, Tensor>;

/// An operation of the family "ops" in terms of Vitrine's.
struct OpAdapter {
  const char* op;
  Outputs (*run)(OpCall&);
};

// The table from operation to adapter, in parts (one file each).
std::span<const OpAdapter> elementwise_ops();
std::span<const OpAdapter> reduction_ops();
std::span<const OpAdapter> movement_ops();
std::span<const OpAdapter> network_ops();
std::span<const OpAdapter> vit_ops();
std::span<const OpAdapter> convolution_ops();
std::span<const OpAdapter> update_ops();
std::span<const OpAdapter> graph_ops();

}  // namespace vitrine::golden
