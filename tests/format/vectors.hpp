// Tables of cases: one a line, fields separated by blanks, "#" begins a comment line, "" is the empty string.
#pragma once

#include <string>
#include <vector>

namespace pkgjail::test {

struct TableRow {
    std::string file;
    int line = 0;
    std::vector<std::string> fields;
    std::string where() const { return file + ":" + std::to_string(line); }
};
/// Rows of tests/data/format/NAME; every row must have `width` fields.
std::vector<TableRow> read_table(const std::string& name, std::size_t width);

} // namespace pkgjail::test
