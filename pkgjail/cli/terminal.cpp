#include "pkgjail/cli/terminal.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"

namespace pkgjail::cli {

namespace {

bool is_set(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

Screen screen_of(int fd) {
    Screen screen;
    screen.is_terminal = ::isatty(fd) == 1;
    if (!screen.is_terminal) {
        screen.columns = 0;
        return screen;
    }
    const char* term = std::getenv("TERM");
    screen.color = !is_set("NO_COLOR") && term != nullptr && std::strcmp(term, "dumb") != 0;
    struct winsize size {};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        screen.columns = size.ws_col;
    return screen;
}

bool utf8_locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
            const std::string_view text = value;
            return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
        }
    return false;
}

bool gone = false;

/// Bytes of the first character; stray bytes count as one each.
std::size_t character_length(std::string_view text) {
    std::size_t length = 1;
    if ((static_cast<unsigned char>(text.front()) & 0xC0u) == 0xC0u)
        while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0u) == 0x80u)
            ++length;
    return length;
}

} // namespace

Screen output_screen() {
    return screen_of(STDOUT_FILENO);
}
Screen error_screen() {
    return screen_of(STDERR_FILENO);
}
bool can_ask() {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

void print(std::string_view text) {
    while (!text.empty() && !gone) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written >= 0)
            text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno == EPIPE)
            gone = true;
        else if (errno != EINTR)
            throw base::system_error(errno, output_name, "write");
    }
}

bool reader_has_gone() {
    return gone;
}

void print_error(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string colored(std::string_view text, Color color, const Screen& screen) {
    const char* code = nullptr;
    switch (color) {
    case Color::none:
        break;
    case Color::green:
        code = "32";
        break;
    case Color::yellow:
        code = "33";
        break;
    case Color::red:
        code = "31";
        break;
    case Color::bold:
        code = "1";
        break;
    case Color::dim:
        code = "2";
        break;
    }
    if (!screen.color || code == nullptr)
        return std::string(text);
    return std::string("\033[") + code + "m" + std::string(text) + "\033[0m";
}

std::string cut(std::string_view text, std::size_t width) {
    if (text.size() <= width) // no character takes more columns than bytes
        return std::string(text);
    std::size_t columns = 0;
    std::size_t shorter = 0; // where the text would have to end for the sign to fit
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_length(text.substr(at));
        columns += base::display_width(text.substr(at, length));
        if (columns > width)
            return std::string(text.substr(0, shorter)) + (width == 0 ? "" : utf8_locale() ? "…" : "~");
        at += length;
        if (columns < width)
            shorter = at;
    }
    return std::string(text);
}

std::string folded(std::string_view text, std::size_t indent, const Screen& screen) {
    if (screen.columns == 0)
        return std::string(text);
    std::string result;
    std::size_t column = indent;
    while (!text.empty()) {
        const std::size_t end = text.find(' ', 1); // a blank at the beginning belongs to the word
        const std::string_view word = text.substr(0, end);
        const std::size_t width = base::display_width(word);
        if (column + width > screen.columns && column > indent) {
            const std::string_view bare = word.front() == ' ' ? word.substr(1) : word;
            result += "\n" + std::string(indent, ' ') + std::string(bare);
            column = indent + base::display_width(bare);
        } else {
            result += word;
            column += width;
        }
        text.remove_prefix(word.size());
    }
    return result;
}

Table::Table(std::vector<std::string> headings, std::size_t flexible)
    : headings_(std::move(headings)), flexible_(flexible) {}

void Table::add(std::vector<Cell> row) {
    row.resize(headings_.size());
    rows_.push_back(std::move(row));
}

std::string Table::render(const Screen& screen) const {
    constexpr std::size_t gap = 2;
    std::vector<std::size_t> widths;
    for (std::size_t column = 0; column < headings_.size(); ++column) {
        std::size_t width = base::display_width(headings_[column]);
        for (const auto& row : rows_)
            width = std::max(width, base::display_width(row[column].text));
        widths.push_back(width);
    }
    std::size_t total = gap * (widths.size() - 1);
    for (const std::size_t width : widths)
        total += width;
    if (screen.columns > 0 && total > screen.columns) {
        const std::size_t excess = total - screen.columns;
        const std::size_t least = std::max<std::size_t>(8, base::display_width(headings_[flexible_]));
        const std::size_t before = widths[flexible_];
        widths[flexible_] = before > excess + least ? before - excess : std::min(before, least);
        total -= before - widths[flexible_];
        for (; total > screen.columns; --total) {
            auto widest = std::max_element(widths.begin(), widths.end());
            if (*widest <= 4)
                break; // nothing can be read on a screen this narrow
            --*widest;
        }
    }
    std::string text;
    const auto line = [&](const auto& cell_of) {
        std::string out;
        for (std::size_t column = 0; column < widths.size(); ++column) {
            const Cell& cell = cell_of(column);
            const std::string shown = cut(cell.text, widths[column]);
            out += colored(shown, cell.color, screen);
            if (column + 1 < widths.size()) {
                const std::size_t used = base::display_width(shown);
                out.append(gap + (widths[column] > used ? widths[column] - used : 0), ' ');
            }
        }
        while (!out.empty() && out.back() == ' ')
            out.pop_back();
        text += out + "\n";
    };
    Cell heading{"", Color::bold};
    line([&](std::size_t column) -> const Cell& {
        heading.text = headings_[column];
        return heading;
    });
    for (const auto& row : rows_)
        line([&](std::size_t column) -> const Cell& { return row[column]; });
    return text;
}

} // namespace pkgjail::cli
