// The status page of `serve`: one HTML document that loads nothing and needs no scripts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkgjail/ops/inspect.hpp"

namespace pkgjail::cli {

struct PageJail {
    const ops::JailView* view = nullptr;
    std::optional<double> cpu_percent; ///< 100: one processor; unset: not known yet
    std::size_t upgradable = 0;
};
struct Page {
    std::string host;
    std::string version;
    base::WallTime at;
    std::vector<PageJail> jails;
    std::vector<std::string> warnings;
};
std::string status_page(const Page& page);

/// Foreign text for an HTML document, in content and in attributes: made printable, then escaped.
std::string html(const std::string& text);

} // namespace pkgjail::cli
