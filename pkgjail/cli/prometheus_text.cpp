#include "pkgjail/cli/prometheus_text.hpp"

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"

namespace pkgjail::cli {

namespace {

std::string escaped(const std::string& text, bool quotes) {
    std::string result;
    for (const char c : base::printable(text)) {
        if (c == '\\' || (quotes && c == '"'))
            result += '\\';
        result += c;
    }
    return result;
}

} // namespace

std::string prometheus_text(const std::vector<ops::MetricFamily>& families) {
    std::string text;
    for (const ops::MetricFamily& family : families) {
        text +=
            fmt::format("# HELP {} {}\n# TYPE {} {}\n", family.name, escaped(family.help, false), family.name,
                        family.kind == ops::MetricFamily::Kind::counter ? "counter" : "gauge");
        for (const ops::MetricSample& sample : family.samples) {
            text += family.name;
            const char* before = "{";
            for (const auto& [name, value] : sample.labels) {
                text += fmt::format("{}{}=\"{}\"", before, name, escaped(value, true));
                before = ",";
            }
            text += sample.labels.empty() ? " " : "} ";
            text += sample.value + "\n";
        }
    }
    return text;
}

} // namespace pkgjail::cli
