#include "pkgjail/format/license.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "pkgjail/format/text_lines.hpp"

namespace pkgjail::format {

namespace {

/// Names of pkgsrc's licenses directory that are a licence of SPDX's list.
const std::map<std::string_view, std::string_view>& known_licenses() {
    static const std::map<std::string_view, std::string_view> known = {
        {"2-clause-bsd", "BSD-2-Clause"},
        {"afl-2.1", "AFL-2.1"},
        {"afl-3.0", "AFL-3.0"},
        {"apache-1.0", "Apache-1.0"},
        {"apache-1.1", "Apache-1.1"},
        {"apache-2.0", "Apache-2.0"},
        {"artistic", "Artistic-1.0"},
        {"artistic-2.0", "Artistic-2.0"},
        {"boost-license", "BSL-1.0"},
        {"cc0-1.0-universal", "CC0-1.0"},
        {"cc-by-v3.0", "CC-BY-3.0"},
        {"cc-by-v4.0", "CC-BY-4.0"},
        {"cc-by-sa-v3.0", "CC-BY-SA-3.0"},
        {"cc-by-sa-v4.0", "CC-BY-SA-4.0"},
        {"cddl-1.0", "CDDL-1.0"},
        {"cecill-2.1", "CECILL-2.1"},
        {"cecill-b-v1", "CECILL-B"},
        {"cpl-1.0", "CPL-1.0"},
        {"epl-v1.0", "EPL-1.0"},
        {"epl-v2.0", "EPL-2.0"},
        {"eupl-v1.1", "EUPL-1.1"},
        {"eupl-v1.2", "EUPL-1.2"},
        {"gnu-agpl-v3", "AGPL-3.0-only"},
        {"gnu-fdl-v1.1", "GFDL-1.1-only"},
        {"gnu-fdl-v1.2", "GFDL-1.2-only"},
        {"gnu-fdl-v1.3", "GFDL-1.3-only"},
        {"gnu-gpl-v1", "GPL-1.0-only"},
        {"gnu-gpl-v2", "GPL-2.0-only"},
        {"gnu-gpl-v3", "GPL-3.0-only"},
        {"gnu-lgpl-v2", "LGPL-2.0-only"},
        {"gnu-lgpl-v2.1", "LGPL-2.1-only"},
        {"gnu-lgpl-v3", "LGPL-3.0-only"},
        {"hpnd", "HPND"},
        {"ijg", "IJG"},
        {"info-zip", "Info-ZIP"},
        {"isc", "ISC"},
        {"lppl-1.3c", "LPPL-1.3c"},
        {"lucent", "LPL-1.02"},
        {"miros", "MirOS"},
        {"mit", "MIT"},
        {"modified-bsd", "BSD-3-Clause"},
        {"mpl-1.0", "MPL-1.0"},
        {"mpl-1.1", "MPL-1.1"},
        {"mpl-2.0", "MPL-2.0"},
        {"ms-pl", "MS-PL"},
        {"ofl-v1.0", "OFL-1.0"},
        {"ofl-v1.1", "OFL-1.1"},
        {"openssl", "OpenSSL"},
        {"original-bsd", "BSD-4-Clause"},
        {"php", "PHP-3.01"},
        {"postgresql-license", "PostgreSQL"},
        {"python-software-foundation", "Python-2.0"},
        {"qpl-v1.0", "QPL-1.0"},
        {"ruby-license", "Ruby"},
        {"sgi-free-software-b-v2.0", "SGI-B-2.0"},
        {"sleepycat-public-license", "Sleepycat"},
        {"unlicense", "Unlicense"},
        {"vim-license", "Vim"},
        {"w3c", "W3C"},
        {"wtfpl", "WTFPL"},
        {"x11", "X11"},
        {"zlib", "Zlib"},
        {"zpl-2.0", "ZPL-2.0"},
        {"zpl-2.1", "ZPL-2.1"},
    };
    return known;
}

bool is_name_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
}

constexpr int most_nested = 32;

/// Reads by recursion; nothing it has written counts when it fails.
class ExpressionReader {
  public:
    explicit ExpressionReader(std::string_view text) : rest_(text) {}

    std::optional<LicenseExpression> run() {
        const std::optional<std::string> text = level(0);
        if (!text || !word_.empty())
            return std::nullopt;
        result_.spdx = *text;
        std::sort(result_.references.begin(), result_.references.end(),
                  [](const auto& a, const auto& b) { return a.id < b.id; });
        return std::move(result_);
    }

    std::string reference(std::string_view name) {
        std::string id = "LicenseRef-pkgsrc-";
        for (const char c : name)
            id += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' ? c : '-';
        if (std::none_of(result_.references.begin(), result_.references.end(),
                         [&](const auto& one) { return one.id == id; }))
            result_.references.push_back({id, std::string(name)});
        return id;
    }
    LicenseExpression take() { return std::move(result_); }

  private:
    /// The next word into word_: a name, "(", ")", or empty at the end; "?" for anything else.
    void advance() {
        rest_ = trim_left(rest_);
        std::size_t length = 0;
        while (length < rest_.size() && is_name_character(rest_[length]))
            ++length;
        if (length == 0 && !rest_.empty())
            length = 1;
        word_ = rest_.substr(0, length);
        rest_.remove_prefix(length);
    }

    bool at_name() const { return !word_.empty() && is_name_character(word_.front()); }

    /// Terms joined by one operator, up to the end or a ")".
    std::optional<std::string> level(int depth) {
        if (depth > most_nested)
            return std::nullopt;
        std::string text, joined_by;
        for (;;) {
            advance();
            const std::optional<std::string> one = term(depth);
            if (!one)
                return std::nullopt;
            text += *one;
            advance();
            if (word_ != "AND" && word_ != "OR")
                return word_.empty() || word_ == ")" ? std::optional(text) : std::nullopt;
            if (!joined_by.empty() && joined_by != word_)
                return std::nullopt;
            joined_by = word_;
            text += " " + joined_by + " ";
        }
    }

    std::optional<std::string> term(int depth) {
        if (word_ == "(") {
            const std::optional<std::string> inner = level(depth + 1);
            if (!inner || word_ != ")")
                return std::nullopt;
            return "(" + *inner + ")";
        }
        if (!at_name() || word_ == "AND" || word_ == "OR")
            return std::nullopt;
        const auto known = known_licenses().find(word_);
        return known == known_licenses().end() ? reference(word_) : std::string(known->second);
    }

    std::string_view rest_;
    std::string_view word_;
    LicenseExpression result_;
};

} // namespace

LicenseExpression to_spdx(std::string_view license) {
    const std::string_view text = trim_right(trim_left(license));
    if (text.empty())
        return {};
    if (const auto known = known_licenses().find(text); known != known_licenses().end())
        return {std::string(known->second), std::string(known->second), {}};
    if (auto expression = ExpressionReader(text).run())
        return *std::move(expression);
    ExpressionReader whole(text);
    const std::string id = whole.reference(text);
    LicenseExpression expression = whole.take();
    expression.spdx = id;
    return expression;
}

} // namespace pkgjail::format
