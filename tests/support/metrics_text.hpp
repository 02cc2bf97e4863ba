// A strict reader of the text format of Prometheus 0.0.4, written from its description and from nothing of
// ours.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace pkgjail::test {

struct MetricsText {
    std::map<std::string, std::string> types; ///< name → "gauge", "counter"
    std::map<std::string, double> samples;    ///< NAME{LABEL="VALUE",…} with values unescaped → value
    std::vector<std::string> faults;          ///< what the format forbids, a line each
};
MetricsText read_metrics(const std::string& text);

} // namespace pkgjail::test
