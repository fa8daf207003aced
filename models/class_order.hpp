#pragma once

#include <string>
#include <vector>

namespace vitrine {

/// Sorts names of classes into the one order of all data sets that do not number them themselves:
/// by value where every name is a whole number, so that class "10" is number 10 of 0 to 11, else by
/// code points, as torchvision's ImageFolder does.
void sort_classes(std::vector<std::string>& names);

/// Whether names[i] is "i" for every i: numbers, which anybody may have given.
bool are_numbers(const std::vector<std::string>& names);

}  // namespace vitrine
