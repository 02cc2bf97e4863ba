#include "pkgjail/cli/usage.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"

namespace pkgjail::cli {

namespace po = boost::program_options;

po::options_description global_options() {
    po::options_description options("Options");
    options.add_options()("help,h", "this text")("json", "one JSON document on standard output")(
        "dry-run,n", "say what would be done, change nothing")("yes,y", "answer every question with yes")(
        "quiet,q", "errors and notes only")("verbose,v", "say what is being done")(
        "no-progress", "no progress bars")("wait", po::value<std::string>()->value_name("SECONDS"),
                                           "wait for another command that holds the jail")(
        "state", po::value<std::string>()->value_name("DIR"),
        "state directory, or PKGJAIL_STATE; default /var/db/pkgjail for root, for others below "
        "~/.local/state")("config", po::value<std::string>()->value_name("DIR"),
                          "configuration directory, or PKGJAIL_CONFIG");
    return options;
}

std::string overview() {
    std::string text = "usage: pkgjail [OPTION…] COMMAND [ARGUMENT…]\n\n"
                       "Installs pkgsrc binary packages into jails and runs them as confined services.\n\n"
                       "  pkgjail install nginx      a confined nginx\n"
                       "  pkgjail status             what runs, and within which limits\n\n"
                       "Commands:\n";
    std::size_t width = 0;
    for (const Command& command : commands())
        width = std::max(width, std::string_view(command.name).size());
    for (const Command& command : commands())
        text += fmt::format("  {:<{}} {}\n", command.name, width, command.summary);
    text += "\n`pkgjail help COMMAND` and the manual page pkgjail-COMMAND(8) tell more.\n";
    return text;
}

std::string help_of(const Command& command) {
    // Usage lines are broken between words at 80 columns, below where the arguments begin.
    const std::string start = fmt::format("usage: pkgjail {}", command.name);
    std::string text = start;
    std::size_t column = base::display_width(start);
    std::istringstream words(command.arguments);
    for (std::string word; words >> word;) {
        while (word.starts_with("[") && word.find(']') == std::string::npos) { // "[-j JAIL]" stays together
            std::string more;
            if (!(words >> more))
                break;
            word += " " + more;
        }
        if (column + 1 + base::display_width(word) > 79) {
            text += "\n" + std::string(start.size(), ' ');
            column = start.size();
        }
        text += " " + word;
        column += 1 + base::display_width(word);
    }
    po::options_description own("Options of this command", 80, 30);
    command.options(own);
    std::ostringstream options;
    if (!own.options().empty())
        options << own << "\n";
    options << global_options();
    std::string summary = command.summary; // of one line in a list; here it stands as a sentence would
    summary.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(summary.front())));
    return fmt::format("{}\n\n{}\n\n{}", text, summary, options.str());
}

} // namespace pkgjail::cli
