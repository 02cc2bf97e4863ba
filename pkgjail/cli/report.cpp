#include "pkgjail/cli/report.hpp"

#include <algorithm>
#include <iostream>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::cli {

using base::printable;

Report::Report(ReportOptions options) : options_(options), screen_(error_screen()) {}

Report::~Report() {
    clear();
}

void Report::draw(const std::string& line) {
    if (!screen_.is_terminal || !options_.progress || options_.quiet || options_.json)
        return;
    // A line that fills the last column would make some terminals begin a new one.
    print_error("\r\033[K" + cut(printable(line), screen_.columns - 1));
    shown_ = true;
}

void Report::clear() {
    if (shown_)
        print_error("\r\033[K");
    shown_ = false;
}

void Report::doing(std::string_view what) {
    if (options_.verbose && !options_.json) {
        clear();
        print_error(printable(what) + "\n");
        return;
    }
    draw(std::string(what) + " …");
}

void Report::progress(std::string_view what, std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_draw_ < std::chrono::milliseconds(100))
        return;
    last_draw_ = now;
    constexpr std::size_t width = 20;
    if (total == 0 || done > total) {
        draw(fmt::format("{}  {}", what, jail::format_size(done)));
        return;
    }
    const std::size_t filled = static_cast<std::size_t>(done * width / total);
    draw(fmt::format("[{}{}] {:3}%  {} of {}  {}", std::string(filled, '#'), std::string(width - filled, '.'),
                     done * 100 / total, jail::format_size(done), jail::format_size(total), what));
}

void Report::warn(std::string_view text) {
    // With several jails the same is often found several times.
    if (std::find(warnings_.begin(), warnings_.end(), printable(text)) != warnings_.end())
        return;
    warnings_.push_back(printable(text));
    if (options_.json)
        return;
    clear();
    constexpr std::string_view head = "pkgjail: ";
    print_error(fmt::format("{}{}\n", head, folded("note: " + printable(text), head.size(), screen_)));
}

void Report::message(std::string_view pkgname, std::string_view text) {
    if (options_.json || options_.quiet)
        return;
    clear();
    print_error(fmt::format("-- {} says:\n{}", printable(pkgname), printable(text, true)));
    if (!text.ends_with('\n'))
        print_error("\n");
}

bool Report::confirm(std::string_view question) {
    if (options_.yes)
        return true;
    if (!can_ask() || options_.json)
        throw base::Error(base::ErrorKind::usage, printable(question), "there is nobody to ask",
                          "repeat it with --yes");
    clear();
    print_error(fmt::format("{} [y/N] ", printable(question)));
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

namespace {

/// One line stays a line that can be read, however long a name somebody made: the middle of it goes.
std::string shortened(const std::string& text) {
    constexpr std::size_t most = 2000;
    constexpr std::size_t kept = 900;
    if (text.size() <= most)
        return text;
    const auto boundary = [&](std::size_t at) {
        while ((static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u)
            --at;
        return at;
    };
    const std::size_t first = boundary(kept);
    const std::size_t second = boundary(text.size() - kept);
    return fmt::format("{} ... {} bytes ... {}", text.substr(0, first), second - first, text.substr(second));
}

} // namespace

std::string error_text(std::string_view verb, const base::Error& error) {
    // An error about the command as a whole has the verb as its object, which is not said twice.
    const std::string what =
        error.object() == verb && error.context().empty() ? error.cause() : std::string(error.what());
    std::string text = "pkgjail: ";
    if (!verb.empty())
        text += shortened(printable(verb)) + ": ";
    text += shortened(printable(what)) + "\n";
    if (!error.hint().empty())
        text += fmt::format("hint: {}\n", shortened(printable(error.hint())));
    return text;
}

} // namespace pkgjail::cli
