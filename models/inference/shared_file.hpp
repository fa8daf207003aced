#pragma once

#include <string>
#include <string_view>

namespace vitrine {

/// A file of models/pretrained or apps/recipes, by its place in the checkout, that comes with the
/// program: from the checkout that it was built in, else from share/vitrine where it is installed.
/// "" if it is in neither place.
std::string shared_file(std::string_view name);

}  // namespace vitrine
