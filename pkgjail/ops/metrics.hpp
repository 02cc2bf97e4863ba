// metrics: everything that can be counted or measured of the jails of this host, as families of samples.
// Nothing is walked or solved: figures come from the kernel, the supervisors' files and the catalog.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/supervise/counters.hpp"

namespace pkgjail::ops {

struct MetricSample {
    std::vector<std::pair<std::string, std::string>> labels; ///< name, value; values may hold anything
    std::string value;                                       ///< a number in the form of Prometheus
};

struct MetricFamily {
    enum class Kind { gauge, counter };
    std::string name; ///< with its unit: "pkgjail_jail_memory_bytes"
    Kind kind = Kind::gauge;
    std::string help; ///< one line
    std::vector<MetricSample> samples;
};

/// Families without a sample are left out. What cannot be told at this moment has no sample.
std::vector<MetricFamily> metrics(const Context& context, const std::string& version);

} // namespace pkgjail::ops
