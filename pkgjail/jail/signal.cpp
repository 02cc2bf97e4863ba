#include "pkgjail/jail/signal.hpp"

#include <array>
#include <csignal>

namespace pkgjail::jail {

namespace {

struct SignalRow {
    std::string_view name;
    int number;
};
constexpr std::array<SignalRow, 10> rows = {{
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"QUIT", SIGQUIT},
    {"KILL", SIGKILL},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"CONT", SIGCONT},
    {"WINCH", SIGWINCH},
}};

} // namespace

std::optional<int> find_signal(std::string_view name) {
    for (const SignalRow& row : rows)
        if (row.name == name)
            return row.number;
    return std::nullopt;
}

std::string signal_name(int number) {
    for (const SignalRow& row : rows)
        if (row.number == number)
            return std::string(row.name);
    return std::to_string(number);
}

std::vector<std::string> signal_names() {
    std::vector<std::string> names;
    for (const SignalRow& row : rows)
        names.emplace_back(row.name);
    return names;
}

} // namespace pkgjail::jail
