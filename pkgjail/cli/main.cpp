// The program pkgjail.
#include <csignal>

#include "pkgjail/cli/command.hpp"

int main(int argc, char** argv) {
    // A reader of our output that goes away (pkgjail list | head) is a write error like any other, and ends
    // the command.
    std::signal(SIGPIPE, SIG_IGN);
    return pkgjail::cli::run(argc, argv);
}
