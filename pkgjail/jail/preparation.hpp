// `[prepare]` of a recipe: what is done once, before the first start, while the directory of the data is
// empty.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/recipe.hpp"

namespace pkgjail::jail {

struct Preparation {
    base::RootPath path;              ///< made where it is missing, for `user`, with mode 0700
    std::vector<std::string> command; ///< fills it; empty: the directory is all
    std::string user;
    std::string group; ///< empty: the user's
    std::string working_directory = "/";
    std::map<std::string, std::string> environment;
    std::chrono::milliseconds timeout{300'000};
};

/// nullopt for a recipe without it. Fails as render() does, for what is wrong anywhere in the recipe.
std::optional<Preparation> render_preparation(const Recipe& recipe, const RenderContext& context);

} // namespace pkgjail::jail
