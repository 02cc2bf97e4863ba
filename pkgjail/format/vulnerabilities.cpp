#include "pkgjail/format/vulnerabilities.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/byte_source.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view pgp_begin = "-----BEGIN PGP SIGNED MESSAGE-----";
constexpr std::string_view pgp_signature = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view pkcs7_signature = "-----BEGIN PKCS7-----";
constexpr std::string_view id_line = "# $NetBSD";
constexpr std::string_view checksum_line = "#CHECKSUM";
constexpr std::string_view format_line = "#FORMAT";

/// The next word and what stands behind it.
std::string_view take_word(std::string_view& rest) {
    rest = trim_left(rest);
    const std::size_t end = rest.find_first_of(" \t\v\f\r");
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
    return word;
}

class ListReader {
  public:
    ListReader(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

    VulnerabilityList run() {
        if (rest_.find('\0') != std::string_view::npos)
            throw Error(ErrorKind::corrupt, std::string(name_), "has a byte 0 in it");
        std::string_view line;
        bool more = next(line);
        if (more && line == pgp_begin) {
            list_.head.claims_pgp = true;
            more = next(line);
        }
        for (; more && !line.starts_with(format_line); more = next(line))
            take_head_line(line);
        if (!more)
            throw Error(ErrorKind::corrupt, std::string(name_), "has no #FORMAT line; it is no list");
        take_format(line);
        bool ended = false;
        while (next(line)) {
            if (line == (list_.head.claims_pgp ? pgp_signature : pkcs7_signature)) {
                ended = true;
                break;
            }
            take_line(line);
        }
        if (list_.head.claims_pgp && !ended)
            throw Error(ErrorKind::corrupt, std::string(name_),
                        "begins as a signed message and ends without a signature; was it cut off?");
        return std::move(list_);
    }

  private:
    [[noreturn]] void fail(std::string cause) const {
        throw Error(ErrorKind::corrupt, fmt::format("{}:{}", name_, number_), std::move(cause));
    }

    bool next(std::string_view& line) {
        if (rest_.empty())
            return false;
        ++number_;
        const std::size_t end = rest_.find('\n');
        if (end == std::string_view::npos)
            fail("the line has no end; was it cut off?");
        line = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return true;
    }

    void count(std::string_view line) {
        counted_ += line;
        counted_ += '\n';
    }

    void take_head_line(std::string_view line) {
        if (line.empty() || line.starts_with("Hash:"))
            return;
        if (line.starts_with(id_line))
            return take_id(line);
        if (!line.starts_with('#') || !trim_left(line.substr(1)).empty())
            fail(fmt::format("found \"{}\" before #FORMAT, allowed: empty lines, Hash: and # $NetBSD",
                             line.substr(0, 80)));
        count(line);
    }

    /// "# $NetBSD: pkg-vulnerabilities,v 1.6187 2015/03/02 14:22:28 spz Exp $"
    void take_id(std::string_view line) {
        if (!list_.head.revision.empty())
            return;
        line.remove_prefix(id_line.size());
        take_word(line); // ":"
        take_word(line);
        const std::string revision(take_word(line));
        std::string day(take_word(line));
        const std::string time(take_word(line));
        for (char& c : day)
            c = c == '/' ? '-' : c;
        if (const auto written = base::parse_time(day + "T" + time + "Z")) {
            list_.head.revision = revision;
            list_.head.written = base::to_unix(*written);
        }
    }

    void take_format(std::string_view line) {
        count(line);
        std::string_view rest = line.substr(format_line.size());
        const std::string_view version = take_word(rest);
        if (version != "1.1.0" || !trim_left(rest).empty())
            fail(fmt::format("found format \"{}\", allowed: 1.1.0",
                             trim_left(line.substr(format_line.size())).substr(0, 80)));
    }

    void take_line(std::string_view line) {
        if (line.empty() || line.starts_with("Hash:"))
            return;
        if (line.starts_with(checksum_line))
            return take_checksum(line.substr(checksum_line.size()));
        if (line.starts_with(id_line))
            return take_id(line);
        count(line);
        if (line.starts_with('#'))
            return;
        Vulnerability entry;
        entry.pattern = take_word(line);
        entry.type = take_word(line);
        entry.url = take_word(line);
        if (entry.url.empty())
            fail("an entry needs three words: package, type, URL");
        try {
            Pattern::parse(entry.pattern);
        } catch (const Error& error) {
            fail(fmt::format("\"{}\" is no pattern: {}", entry.pattern, error.cause()));
        }
        list_.entries.push_back(std::move(entry));
    }

    void take_checksum(std::string_view rest) {
        const std::string_view algorithm = take_word(rest);
        const std::string_view wanted = take_word(rest);
        if (algorithm != "SHA512" && algorithm != "SHA1")
            return; // one of a later day; the others count
        const auto known =
            algorithm == "SHA512" ? base::DigestAlgorithm::sha512 : base::DigestAlgorithm::sha1;
        if (base::digest_of(known, counted_) != wanted)
            throw Error(ErrorKind::trust, std::string(name_),
                        fmt::format("its {} checksum is not that of its lines", algorithm),
                        std::string(damaged_list_hint));
        list_.head.has_checksum = true;
    }

    std::string_view rest_;
    std::string_view name_;
    std::size_t number_ = 0;
    std::string counted_; ///< what checksums are over
    VulnerabilityList list_;
};

} // namespace

VulnerabilityList parse_vulnerabilities(std::string_view text, std::string_view name) {
    return ListReader(text, name).run();
}

std::string read_vulnerability_text(const base::Fd& fd, std::string_view name, std::uint64_t max_bytes) {
    FdSource file(fd, std::string(name));
    ConfinedDecoder decoder(file, std::string(name), max_bytes);
    std::string text;
    for (std::string_view piece = decoder.next(); !piece.empty(); piece = decoder.next())
        text += piece;
    return text;
}

std::optional<std::vector<std::string>> bases_to_keep(std::string_view pattern) {
    // A backslash or a bracket that is not closed makes a plain name match what is not written there.
    if (pattern.find('\\') != std::string_view::npos ||
        std::count(pattern.begin(), pattern.end(), '[') > std::count(pattern.begin(), pattern.end(), ']'))
        return std::nullopt;
    return Pattern::parse(pattern).bases();
}

std::vector<std::string> bases_to_ask(std::string_view pkgname) {
    std::vector<std::string> bases = {std::string(pkgname)};
    for (std::size_t dash = pkgname.rfind('-'); dash != std::string_view::npos && dash > 0;
         dash = pkgname.rfind('-', dash - 1))
        bases.emplace_back(pkgname.substr(0, dash));
    return bases;
}

} // namespace pkgjail::format
