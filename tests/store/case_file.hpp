// A case as a text file: sections that begin with a word alone on its line, their lines indented by two
// spaces. Lines that begin with "#" and empty ones are for the reader.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

namespace pkgjail::test {

class CaseFile {
  public:
    explicit CaseFile(const std::filesystem::path& path) {
        std::ifstream stream(path);
        if (!stream)
            throw std::runtime_error("cannot read " + path.string());
        std::string line, section;
        while (std::getline(stream, line)) {
            if (line.starts_with("  "))
                sections_[section] += line.substr(2) + "\n";
            else if (!line.empty() && line.front() != '#')
                sections_[section = line];
        }
    }

    /// Its lines, empty when there is no such section.
    std::string operator[](const std::string& section) const {
        const auto found = sections_.find(section);
        return found == sections_.end() ? std::string() : found->second;
    }

    /// Those of one folder of tests/data/store, in order.
    static std::set<std::filesystem::path> all_in(const std::string& folder) {
        std::set<std::filesystem::path> files;
        for (const auto& entry :
             std::filesystem::directory_iterator(std::filesystem::path(PKGJAIL_TEST_DATA) / "store" / folder))
            if (entry.path().extension() == ".case")
                files.insert(entry.path());
        return files;
    }

  private:
    std::map<std::string, std::string> sections_;
};

} // namespace pkgjail::test
