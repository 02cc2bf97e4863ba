#include "pkgjail/format/summary_writer.hpp"

#include <array>

#include <fmt/core.h>

#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {
namespace {

/// What +BUILD_INFO gives to the index, in the order of that file.
constexpr std::array<const char*, 14> copied = {"BUILD_DATE",       "CATEGORIES",  "HOMEPAGE",     "LICENSE",
                                                "MACHINE_ARCH",     "OPSYS",       "OS_VERSION",   "PKGPATH",
                                                "PKGTOOLS_VERSION", "PKG_OPTIONS", "PREV_PKGPATH", "PROVIDES",
                                                "REQUIRES",         "SUPERSEDES"};

class RecordWriter {
  public:
    /// A value is the rest of its line, so a line is all that it can be.
    void add(std::string_view key, std::string_view value) {
        text_ += fmt::format("{}={}\n", key, value.substr(0, value.find('\n')));
    }
    void add_lines(std::string_view key, std::string_view text) {
        TextLines lines(text);
        for (std::string_view line; lines.next(line);)
            add(key, line);
    }
    std::string finish() { return std::move(text_) + "\n"; }

  private:
    std::string text_;
};

} // namespace

std::string summary_record(const PackageMetadata& metadata, const std::string& file_name,
                           std::uint64_t file_size, const std::string& sha512) {
    RecordWriter record;
    record.add("PKGNAME", metadata.plist.pkgname);
    for (const std::string& pattern : metadata.plist.depends)
        record.add("DEPENDS", pattern);
    for (const std::string& pattern : metadata.plist.conflicts)
        record.add("CONFLICTS", pattern);
    record.add("COMMENT", metadata.comment);
    record.add("SIZE_PKG", std::to_string(metadata.size_pkg.value_or(0)));
    for (const char* const key : copied)
        for (const std::string& value : metadata.build_info.all(key))
            if (!value.empty())
                record.add(key, value);
    record.add("FILE_NAME", file_name);
    record.add("FILE_SIZE", std::to_string(file_size));
    record.add("FILE_CKSUM", "sha512 " + sha512);
    const std::string* description = metadata.member("+DESC");
    if (description == nullptr || description->empty())
        record.add("DESCRIPTION", "");
    else
        record.add_lines("DESCRIPTION", *description);
    return record.finish();
}

} // namespace pkgjail::format
