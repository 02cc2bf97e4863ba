// Metrics in the text format of Prometheus, version 0.0.4.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/ops/metrics.hpp"

namespace pkgjail::cli {

inline constexpr const char* prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// Label values are made printable first, so that foreign text is valid UTF-8 on one line.
std::string prometheus_text(const std::vector<ops::MetricFamily>& families);

} // namespace pkgjail::cli
