// The terminal: what it can show, and the two streams. The only place, with report, that writes to them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::cli {

/// What standard output or error is connected to.
struct Screen {
    bool is_terminal = false;
    bool color = false;       ///< a terminal, and NO_COLOR is not set
    std::size_t columns = 80; ///< width of a terminal; 0: not a terminal, nothing is cut
};
Screen output_screen();
Screen error_screen();
/// Whether a question can be asked: standard input and standard error are terminals.
bool can_ask();

/// Writes to standard output. A failure (full disk, closed pipe) is Error{system}; a reader that has gone
/// away ends pkgjail as it ends other tools.
void print(std::string_view text);
/// Writes to standard error; failures there cannot be told to anybody.
void print_error(std::string_view text);

enum class Color { none, green, yellow, red, bold, dim };
std::string colored(std::string_view text, Color color, const Screen& screen);

/// Columns of text, each as wide as its widest cell; the `flexible` column is cut with "…" (or "~" where the
/// locale is not UTF-8) so that lines fit the screen.
class Table {
  public:
    struct Cell {
        std::string text;
        Color color = Color::none;
    };
    Table(std::vector<std::string> headings, std::size_t flexible);
    void add(std::vector<Cell> row);
    std::string render(const Screen& screen) const;
    bool empty() const { return rows_.empty(); }

  private:
    std::vector<std::string> headings_;
    std::size_t flexible_;
    std::vector<std::vector<Cell>> rows_;
};

} // namespace pkgjail::cli
