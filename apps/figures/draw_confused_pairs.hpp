#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/drawing/canvas.hpp"
#include "models/inference/confused_pairs.hpp"

namespace vitrine {

/// The pairs of classes that are confused most often, as a table: the true class, what it was taken
/// for, how often, and the share of the true class.
class ConfusedPairsList {
 public:
  ///   counts    (C, C): [truth][prediction]
  ///   names     (C)
  ///   numbered  the number of a class stands before its name
  ConfusedPairsList(std::span<const int64_t> counts, std::span<const std::string> names,
                    bool numbered);

  /// As many pairs as fit into that height, at least ten and at most forty.
  void lay_out(double height);
  double width() const { return width_; }
  double height() const;
  void draw(Canvas& canvas, Point corner) const;

 private:
  std::string name(int64_t i) const;

  std::span<const std::string> names_;
  bool numbered_;
  std::vector<ConfusedPair> pairs_;
  double truth_width_ = 0, prediction_width_ = 0, width_ = 0;
};

}  // namespace vitrine
