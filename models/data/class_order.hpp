#pragma once

#include <string>
#include <vector>

namespace vitrine {

/// Sorts names of classes into the one order of all data sets that do not number them themselves:
/// by value where every name is a whole number, so that class "10" is number 10 of 0 to 11, else by
/// code points, as torchvision's ImageFolder does.
void sort_classes(std::vector<std::string>& names);

/// In which order a program numbers classes, where its model does not keep their names.
enum class ClassOrder {
  kOwn,      ///< that of sort_classes
  kNatural,  ///< timm's
};

/// Sorts names as timm numbers folders: numbers in a name count by value, capitals do not. (A to Z
/// alone; of names that are equal so, the first by code points first, which timm leaves open.)
/// Source: timm.utils.misc.natural_key, timm 1.0.29.
void sort_naturally(std::vector<std::string>& names);

/// Whether names[i] is "i" for every i: numbers, which anybody may have given.
bool are_numbers(const std::vector<std::string>& names);

/// Whether names[i] is "LABEL_i" for every i: what transformers writes where nobody gave names.
bool are_placeholders(const std::vector<std::string>& names);

}  // namespace vitrine
