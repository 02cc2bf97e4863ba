#include "vectors.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace pkgjail::test {

std::vector<TableRow> read_table(const std::string& name, std::size_t width) {
    std::ifstream file(std::string(PKGJAIL_TEST_DATA "/format/") + name);
    if (!file)
        throw std::runtime_error("no table " + name);
    std::vector<TableRow> rows;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line.front() == '#')
            continue;
        TableRow row{name, number, {}};
        std::istringstream fields(line);
        for (std::string field; fields >> field;)
            row.fields.push_back(field == "\"\"" ? "" : field);
        if (row.fields.size() != width)
            throw std::runtime_error(row.where() + ": wrong number of fields");
        rows.push_back(row);
    }
    return rows;
}

} // namespace pkgjail::test
