#include "pkgjail/format/summary.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/wire_values.hpp"

namespace pkgjail::format {
namespace {

constexpr std::size_t max_record = 4u << 20;

struct TextKey {
    std::string_view key;
    std::string SummaryRecord::*field;
};
constexpr TextKey text_keys[] = {
    {"COMMENT", &SummaryRecord::comment},
    {"BUILD_DATE", &SummaryRecord::build_date},
    {"CATEGORIES", &SummaryRecord::categories},
    {"HOMEPAGE", &SummaryRecord::homepage},
    {"LICENSE", &SummaryRecord::license},
    {"MACHINE_ARCH", &SummaryRecord::machine_arch},
    {"OPSYS", &SummaryRecord::opsys},
    {"OS_VERSION", &SummaryRecord::os_version},
    {"PKGPATH", &SummaryRecord::pkgpath},
    {"PKGTOOLS_VERSION", &SummaryRecord::pkgtools_version},
    {"PKG_OPTIONS", &SummaryRecord::pkg_options},
    {"PREV_PKGPATH", &SummaryRecord::prev_pkgpath},
    {"FILE_NAME", &SummaryRecord::file_name},
};
struct ListKey {
    std::string_view key;
    std::vector<std::string> SummaryRecord::*field;
};
constexpr ListKey list_keys[] = {
    {"DEPENDS", &SummaryRecord::depends},
    {"CONFLICTS", &SummaryRecord::conflicts},
    {"PROVIDES", &SummaryRecord::provides},
    {"REQUIRES", &SummaryRecord::requires_},
};

// How much a digest algorithm is worth, where a record names several.
int strength(std::string_view algorithm) {
    if (algorithm == "sha512")
        return 3;
    if (algorithm == "sha256")
        return 2;
    return algorithm.empty() ? 0 : 1;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& byte : result)
        if (byte >= 'A' && byte <= 'Z')
            byte = static_cast<char>(byte - 'A' + 'a');
    return result;
}

class SummaryParser {
  public:
    SummaryParser(std::string_view name, const std::function<void(SummaryRecord&&)>& take)
        : name_(name), take_(take) {}

    /// The next piece of the text; lines may begin in one and end in another.
    void feed(std::string_view piece) {
        for (std::size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
            std::string_view text = piece.substr(0, end);
            if (!begun_line_.empty())
                text = begun_line_.append(text);
            line(text);
            begun_line_.clear();
            piece.remove_prefix(end + 1);
        }
        begun_line_ += piece;
        if (begun_line_.size() > max_record)
            fail_too_long();
    }

    void finish() {
        ++line_number_;
        if (!begun_line_.empty() || in_record_)
            fail("the index ends within a record");
    }

  private:
    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, fmt::format("{} line {}", name_, line_number_),
                          std::move(cause));
    }
    [[noreturn]] void fail_too_long() const {
        fail(fmt::format("a record of more than {} bytes", max_record));
    }

    void line(std::string_view text) {
        ++line_number_;
        if (text.empty()) {
            if (in_record_)
                finish_record();
            return;
        }
        in_record_ = true;
        record_bytes_ += text.size() + 1;
        if (record_bytes_ > max_record)
            fail_too_long();
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos || equals == 0)
            fail("not of the form VARIABLE=value");
        variable(text.substr(0, equals), text.substr(equals + 1));
    }

    void variable(std::string_view key, std::string_view value) {
        if (key == "DESCRIPTION") { // many in a row, and the only one whose empty lines count
            if (has_description_)
                record_.description += '\n';
            record_.description += value;
            has_description_ = true;
            return;
        }
        if (value.empty())
            return;
        for (const ListKey& list : list_keys)
            if (key == list.key) {
                (record_.*list.field).emplace_back(value);
                return;
            }
        for (const TextKey& text : text_keys)
            if (key == text.key) {
                record_.*text.field = value;
                return;
            }
        if (key == "PKGNAME")
            take_pkgname(value);
        else if (key == "SIZE_PKG")
            record_.size_pkg = number(key, value);
        else if (key == "FILE_SIZE")
            record_.file_size = number(key, value);
        else if (key == "FILE_CKSUM")
            take_cksum(value);
        else if (key == "SUPERSEDES")
            take_supersedes(value);
    }

    void take_pkgname(std::string_view value) {
        if (!record_.pkgname.empty())
            fail(fmt::format("a second PKGNAME, {}, in the record of {}", value, record_.pkgname));
        record_.pkgname = value;
        if (value.find('-') == std::string_view::npos)
            record_.pkgname += "-0.0";
        if (!Pkgname::is_valid(record_.pkgname))
            fail(fmt::format("{} is no package name", value.substr(0, Pkgname::max_length)));
    }

    std::uint64_t number(std::string_view key, std::string_view value) const {
        std::uint64_t result = 0;
        const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), result);
        if (fault != std::errc() || end != value.data() + value.size())
            fail(fmt::format("{} is {}, which is no number of bytes", key, value.substr(0, 100)));
        return result;
    }

    void take_cksum(std::string_view value) {
        const std::size_t blank = value.find(' ');
        const std::string algorithm = lower(value.substr(0, blank));
        const std::string hex =
            blank == std::string_view::npos ? std::string() : lower(value.substr(blank + 1));
        if (hex.empty() || hex.find_first_not_of("0123456789abcdef") != std::string::npos)
            fail("FILE_CKSUM is not of the form ALGORITHM HEXADECIMAL");
        if (strength(algorithm) > strength(record_.cksum_algorithm)) {
            record_.cksum_algorithm = algorithm;
            record_.cksum = hex;
        }
    }

    // One pattern a line, or several with blanks between them.
    void take_supersedes(std::string_view value) {
        while (!value.empty()) {
            const std::size_t blank = std::min(value.find(' '), value.size());
            if (blank != 0)
                record_.supersedes.emplace_back(value.substr(0, blank));
            value.remove_prefix(std::min(blank + 1, value.size()));
        }
    }

    void finish_record() {
        if (record_.pkgname.empty())
            fail("a record without PKGNAME ends here");
        if (record_.file_name.empty())
            record_.file_name = record_.pkgname + ".tgz";
        else if (!is_archive_name(record_.file_name))
            fail(fmt::format("FILE_NAME of {} is no file name: {}", record_.pkgname,
                             record_.file_name.substr(0, 200)));
        take_(std::move(record_));
        record_ = {};
        record_bytes_ = 0;
        in_record_ = false;
        has_description_ = false;
    }

    std::string_view name_;
    const std::function<void(SummaryRecord&&)>& take_;
    std::size_t line_number_ = 0;
    std::string begun_line_;
    SummaryRecord record_;
    std::size_t record_bytes_ = 0;
    bool in_record_ = false;
    bool has_description_ = false;
};

} // namespace

void parse_summary(ByteSource& text, std::string_view name,
                   const std::function<void(SummaryRecord&&)>& take) {
    SummaryParser parser(name, take);
    for (std::string_view piece = text.next(); !piece.empty(); piece = text.next())
        parser.feed(piece);
    parser.finish();
}

void read_summary(const base::Fd& fd, std::string_view name, const std::function<void(SummaryRecord&&)>& take,
                  std::uint64_t max_bytes) {
    FdSource file(fd, std::string(name));
    read_records(file, std::string(name), max_bytes, take);
}

} // namespace pkgjail::format
