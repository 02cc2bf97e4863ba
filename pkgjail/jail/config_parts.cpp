#include "pkgjail/jail/config_parts.hpp"

#include <fmt/format.h>

#include "pkgjail/jail/address.hpp"

namespace pkgjail::jail {

void check_url(const SectionReader& reader, const std::string& key, const std::string& url, bool with_files) {
    const std::string allowed = url_problem(url, with_files);
    if (allowed.empty())
        return;
    if (hides_secret(url))
        reader.fail(key, "found an address with \"@\" in it, which is not repeated here", allowed);
    reader.refuse(key, allowed);
}

void check_once(const std::vector<Section>& sections) {
    for (std::size_t i = 0; i < sections.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (sections[j].kind == sections[i].kind && sections[j].name == sections[i].name)
                throw base::Error(base::ErrorKind::configuration, sections[i].where.str(),
                                  fmt::format("found {} a second time, first in line {}, allowed: once",
                                              sections[i].title(), sections[j].where.line));
}

} // namespace pkgjail::jail
