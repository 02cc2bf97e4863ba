// What is printed of results: tables that fit 80 columns, or one JSON document.
#pragma once

#include <string>

#include "bench/results.hpp"

namespace pkgjail::bench {

/// Where and when it was measured, each a line of text.
struct Circumstances {
    std::string machine;
    std::string date;
    std::string load_before;
    std::string load_after;
    std::string settings;
};

std::string report_text(const Results& results, const Circumstances& circumstances);
std::string report_json(const Results& results, const Circumstances& circumstances);

} // namespace pkgjail::bench
