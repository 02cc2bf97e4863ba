#include "pkgjail/cli/failure.hpp"

#include "pkgjail/cli/report.hpp"
#include "pkgjail/cli/terminal.hpp"

namespace pkgjail::cli {

void print_failure(Environment& environment, const base::Error& error) {
    environment.report().clear();
    print_error(error_text(environment.verb(), error));
}

} // namespace pkgjail::cli
