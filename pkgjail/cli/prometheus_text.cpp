#include "pkgjail/cli/prometheus_text.hpp"

#include "pkgjail/base/printable.hpp"

namespace pkgjail::cli {

namespace {

void add_escaped(std::string& text, const std::string& value, bool quotes) {
    for (const char c : base::printable(value)) {
        if (c == '\\' || (quotes && c == '"'))
            text += '\\';
        text += c;
    }
}

} // namespace

std::string prometheus_text(const std::vector<ops::MetricFamily>& families) {
    std::string text;
    for (const ops::MetricFamily& family : families) {
        text.append("# HELP ").append(family.name).append(" ");
        add_escaped(text, family.help, false);
        text.append("\n# TYPE ").append(family.name);
        text += family.kind == ops::MetricFamily::Kind::counter ? " counter\n" : " gauge\n";
        for (const ops::MetricSample& sample : family.samples) {
            text += family.name;
            char before = '{';
            for (const auto& [name, value] : sample.labels) {
                text += before;
                text.append(name).append("=\"");
                add_escaped(text, value, true);
                text += '"';
                before = ',';
            }
            text += sample.labels.empty() ? " " : "} ";
            text.append(sample.value) += '\n';
        }
    }
    return text;
}

} // namespace pkgjail::cli
