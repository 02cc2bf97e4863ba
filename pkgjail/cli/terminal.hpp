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

/// What standard output is called where it is an Error's object.
inline constexpr const char* output_name = "standard output";

/// Writes to standard output; a failure, such as a full disk, is Error{system}. What a reader has gone away
/// from (pkgjail list | head) is not written and is no failure: the command's work goes on to its end.
void print(std::string_view text);
/// Whether nobody reads standard output any more.
bool reader_has_gone();
/// Writes to standard error; failures there cannot be told to anybody.
void print_error(std::string_view text);

enum class Color { none, green, yellow, red, bold, dim };
std::string colored(std::string_view text, Color color, const Screen& screen);

/// `text` in at most `width` columns; where something had to go, the last one says so: "…", or "~" where the
/// locale is not UTF-8.
std::string cut(std::string_view text, std::size_t width);
/// `text` broken between words, to stand behind `indent` columns that are used already; further lines begin
/// with as many blanks. A word that is too long for a line stays whole, so that a path can be copied. What is
/// not for a terminal stays one line.
std::string folded(std::string_view text, std::size_t indent, const Screen& screen);

/// Columns of text, each as wide as its widest cell. Where lines would not fit the screen the `flexible`
/// column is cut, and if that is not enough the widest of the others.
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
