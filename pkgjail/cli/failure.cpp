#include "pkgjail/cli/failure.hpp"

#include <sstream>

#include "pkgjail/cli/report.hpp"

namespace pkgjail::cli {

std::string failure_text(std::string_view verb, const base::Error& error, const Screen& screen) {
    std::istringstream lines(error_text(verb, error));
    std::string text;
    for (std::string line; std::getline(lines, line);) {
        const std::size_t head = line.find(": ") + 2; // each begins with "pkgjail: " or "hint: "
        text += line.substr(0, head) + folded(line.substr(head), head, screen) + "\n";
    }
    return text;
}

void print_failure(std::string_view verb, const base::Error& error) {
    print_error(failure_text(verb, error, error_screen()));
}

void print_failure(Environment& environment, const base::Error& error) {
    environment.report().clear();
    print_failure(environment.verb(), error);
}

} // namespace pkgjail::cli
