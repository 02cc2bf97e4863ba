// pkgjail-supervisor RUN-DIRECTORY: stays beside one running jail. Started by pkgjail, not by people.
#include <unistd.h>

#include <string_view>

#include "pkgjail/supervise/supervisor.hpp"

int main(int argc, char** argv) {
    if (argc != 2 || argv[1][0] != '/') {
        constexpr std::string_view usage =
            "usage: pkgjail-supervisor RUN-DIRECTORY\n"
            "It supervises one jail's service and is started by \"pkgjail start\".\n";
        return ::write(STDERR_FILENO, usage.data(), usage.size()) < 0 ? 1 : 64;
    }
    return pkgjail::supervise::run_supervisor(argv[1]);
}
