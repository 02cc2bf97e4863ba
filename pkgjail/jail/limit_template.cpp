// Limit templates: limits.d/NAME.limits and what they inherit.
#include <algorithm>

#include <fmt/format.h>

#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/search.hpp"
#include "pkgjail/jail/suggest.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::string_view suffix = ".limits";

std::string templates_there_are(const std::vector<base::HostPath>& directories) {
    return enumerate(list_limits(directories));
}

/// `chain` holds the names from the one asked for down to this file's, for cycles and their message.
Limits load_file(const std::vector<base::HostPath>& directories, const base::HostPath& file,
                 std::vector<std::string> chain, const HostTerms& host) {
    const std::vector<Section> sections = read_sections(file);
    for (const Section& section : sections)
        check_kind(section, {"limits"});
    if (sections.size() != 1)
        throw base::Error(base::ErrorKind::configuration, file.string(),
                          fmt::format("found {} sections [limits], allowed: one", sections.size()));

    SectionReader reader(sections.front());
    const std::optional<std::string> parent = reader.text("inherit");
    reader.text("require");
    for (const LimitKind kind : all_limit_kinds)
        reader.text(std::string(limit_name(kind)));
    reader.finish();

    Limits limits;
    const std::string name = chain.back();
    if (parent) {
        const bool is_cycle = std::find(chain.begin(), chain.end(), *parent) != chain.end();
        chain.push_back(*parent);
        const std::string path = fmt::format("{}", fmt::join(chain, " → "));
        if (is_cycle)
            reader.fail("inherit", fmt::format("found a cycle: {}", path));
        const std::optional<base::HostPath> parent_file =
            is_valid_name(*parent) ? find_named(directories, *parent, suffix) : std::nullopt;
        if (!parent_file)
            reader.fail("inherit", fmt::format("found \"{}\", which is no template ({})", *parent, path),
                        templates_there_are(directories), did_you_mean(*parent, list_limits(directories)));
        limits = load_file(directories, *parent_file, chain, host);
    }
    for (const Setting& setting : sections.front().settings)
        if (setting.key != "inherit")
            override_limit(limits, setting, host, "template " + name);
    return limits;
}

} // namespace

Limits load_limits(const std::vector<base::HostPath>& directories, const std::string& name,
                   const HostTerms& host) {
    check_name("limit template", name);
    const std::optional<base::HostPath> file = find_named(directories, name, suffix);
    if (!file)
        throw base::Error(base::ErrorKind::not_found, name,
                          no_such("limit template", list_limits(directories), directories),
                          did_you_mean(name, list_limits(directories)));
    return load_file(directories, *file, {name}, host);
}

std::vector<std::string> list_limits(const std::vector<base::HostPath>& directories) {
    return list_named(directories, suffix);
}

std::vector<base::Error> misnamed_limits(const std::vector<base::HostPath>& directories) {
    return list_misnamed(directories, suffix);
}

} // namespace pkgjail::jail
