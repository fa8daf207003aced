#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/golden/case.hpp"

namespace vitrine::golden {

/// Where the tensors of a call come from: stored values, or shapes alone (calls that must fail).
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  /// The tensor behind {"tensor": reference}: the same handle each time.
  virtual Tensor& tensor(const Json& reference) = 0;
  virtual std::vector<int64_t> integers(const Json& reference) = 0;
  /// Whether its type is float32.
  virtual bool is_float(const Json& reference) = 0;
};

/// A call torch.<op>(input, *args, **kwargs) as an adapter sees it. Arguments are taken one by one;
/// done() then says if one was left over, which Vitrine does not offer.
class OpinfoCall {
 public:
  OpinfoCall(const Json& entry, TensorSource& source)
      : op_(entry.at("op")), entry_(entry), source_(source) {}

  Tensor input() { return tensor_of(entry_.at("input")); }
  /// The input where it is a list of tensors.
  std::vector<Tensor> inputs();

  /// The value of the argument at `position` of args, or of that name in kwargs; null if there is
  /// none, or if it is null.
  const Json* take(size_t position, const char* name);
  /// The same for an argument that only comes by name.
  const Json* take(const char* name) { return take(kNever, name); }

  /// The tensor of an argument; undefined if there is none. Numbers become scalars.
  Tensor tensor(size_t position, const char* name);
  std::optional<int64_t> integer(size_t position, const char* name);
  bool flag(size_t position, const char* name, bool otherwise);
  /// A list of integers; one integer is a list of one. Empty if there is none.
  std::vector<int64_t> integers(size_t position, const char* name);
  /// The value of a tensor argument of integers.
  std::vector<int64_t> integer_tensor(const Json& argument) {
    return source_.integers(argument.at("tensor"));
  }
  bool is_float_tensor(const Json& argument) {
    return argument.is_object() && argument.contains("tensor") &&
           source_.is_float(argument.at("tensor"));
  }

  /// Whether the case wants the gradient of this tensor argument.
  bool wants_gradient(const Json& argument) const {
    return entry_.contains("grads") && entry_.at("grads").contains(argument.at("tensor"));
  }

  /// Throws NotOffered if an argument was not taken.
  void done() const;
  /// NotOffered with the operation's name in front.
  [[noreturn]] void not_offered(const std::string& what) const {
    throw NotOffered{"opinfo " + op_ + " " + what};
  }

 private:
  static constexpr size_t kNever = ~size_t{0};

  Tensor tensor_of(const Json& argument);
  int64_t integer_of(const Json& argument) const;

  std::string op_;
  const Json& entry_;
  TensorSource& source_;
  std::set<size_t> taken_positions_;
  std::set<std::string> taken_names_;
};

/// A PyTorch function in terms of Vitrine's operations.
struct OpinfoAdapter {
  const char* op;
  std::vector<Tensor> (*run)(OpinfoCall&);
};

std::span<const OpinfoAdapter> opinfo_network_calls();
std::span<const OpinfoAdapter> opinfo_convolution_calls();
std::span<const OpinfoAdapter> opinfo_elementwise_calls();
std::span<const OpinfoAdapter> opinfo_movement_calls();

}  // namespace vitrine::golden
