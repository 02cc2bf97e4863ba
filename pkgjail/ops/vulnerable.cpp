#include "pkgjail/ops/vulnerable.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/jail/quantity.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t most_notes = 5; // for one package

bool is_part_of_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Whether `what` is the URL, or stands in it as a word of its own: CVE-2026-123 is not in …/CVE-2026-1234.
bool is_named_in(const std::string& what, const std::string& url) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    if (what.find("://") != std::string::npos)
        return what == url;
    for (auto at = url.begin();; ++at) {
        at = std::search(at, url.end(), what.begin(), what.end(), same);
        if (at == url.end())
            return false;
        const auto end = at + static_cast<std::ptrdiff_t>(what.size());
        if ((at == url.begin() || !is_part_of_word(at[-1])) && (end == url.end() || !is_part_of_word(*end)))
            return true;
    }
}

bool brings_packages(const solve::Plan& plan) {
    return std::any_of(plan.result.begin(), plan.result.end(),
                       [](const solve::Plan::Member& member) { return !member.already_present; });
}

/// No list was ever fetched. Who has configured one, or asks for refusals, relies on it.
void tell_unknown(const Context& context, const solve::Plan& plan) {
    const jail::VulnerabilityConfig& config = context.config.vulnerabilities;
    const bool refuse = config.at_install == jail::VulnerabilityConfig::AtInstall::refuse;
    if (!brings_packages(plan) || (config.url.empty() && !refuse))
        return;
    if (!refuse) {
        context.reporter.warn("the list of known vulnerabilities was never fetched, so none is known of new "
                              "packages; pkgjail audit --fetch");
        return;
    }
    if (config.url.empty())
        throw Error(ErrorKind::configuration, (context.config.etc / "pkgjail.conf").string(),
                    "says [vulnerabilities] install = refuse, and names no list of known vulnerabilities",
                    "add `url = …` to [vulnerabilities]; pkgjail.conf(5) says more");
    throw Error(ErrorKind::not_found, "list of known vulnerabilities",
                "was never fetched, and pkgjail.conf says [vulnerabilities] install = refuse",
                "pkgjail audit --fetch");
}

} // namespace

bool VulnerabilityCheck::Ignored::means(const std::string& pkgname,
                                        const format::Vulnerability& entry) const {
    return is_named_in(rule.what, entry.url) && (!package || package->matches(pkgname));
}

VulnerabilityCheck::VulnerabilityCheck(const jail::VulnerabilityConfig& config, catalog::Catalog& catalog)
    : config_(config), vulnerabilities_(catalog), list_(vulnerabilities_.list()) {
    for (const jail::IgnoredVulnerability& rule : config.ignored) {
        Ignored ignored{rule, std::nullopt};
        try {
            if (!rule.package.empty())
                ignored.package = format::Pattern::parse(rule.package);
        } catch (const Error& error) {
            throw Error(ErrorKind::configuration,
                        fmt::format("pkgjail.conf: [ignore {}]: package", rule.what),
                        fmt::format("found \"{}\", allowed: a pattern; {}", rule.package, error.cause()));
        }
        ignored_.push_back(std::move(ignored));
    }
}

std::int64_t VulnerabilityCheck::age_seconds() const {
    const std::int64_t since = list_->written_at.value_or(list_->checked_at);
    return std::max<std::int64_t>(0, base::to_unix(base::wall_now()) - since);
}

bool VulnerabilityCheck::is_too_old() const {
    return std::chrono::seconds(age_seconds()) > config_.max_age;
}

const std::vector<KnownVulnerability>& VulnerabilityCheck::of(const std::string& pkgname) {
    const auto [place, is_new] = known_.try_emplace(pkgname);
    if (!is_new || !list_)
        return place->second;
    const std::int64_t now = base::to_unix(base::wall_now());
    for (format::Vulnerability& entry : vulnerabilities_.of_package(pkgname)) {
        if (entry.is_end_of_life() && !config_.end_of_life)
            continue;
        KnownVulnerability known{pkgname, std::move(entry), std::nullopt, true};
        for (const Ignored& ignored : ignored_) {
            if (!ignored.means(pkgname, known.entry))
                continue;
            known.ignored = ignored.rule;
            known.counts = ignored.rule.until && *ignored.rule.until <= now;
            if (!known.counts)
                break;
        }
        place->second.push_back(std::move(known));
    }
    return place->second;
}

bool VulnerabilityCheck::is_vulnerable(const std::string& pkgname) {
    const std::vector<KnownVulnerability>& known = of(pkgname);
    return std::any_of(known.begin(), known.end(), [](const auto& one) { return one.counts; });
}

std::size_t VulnerabilityCheck::count(const catalog::Image& image) {
    return static_cast<std::size_t>(
        std::count_if(image.packages.begin(), image.packages.end(),
                      [&](const catalog::ImagePackage& package) { return is_vulnerable(package.pkgname); }));
}

std::string vulnerability_words(const format::Vulnerability& entry) {
    return entry.is_end_of_life() ? fmt::format("has reached its end of life, see {}", entry.url)
                                  : fmt::format("has a {} vulnerability, see {}", entry.type, entry.url);
}

void tell_vulnerable(const Context& context, catalog::Catalog& catalog, const solve::Plan& plan) {
    std::optional<VulnerabilityCheck> check;
    tell_vulnerable(context, catalog, plan, check);
}

void tell_vulnerable(const Context& context, catalog::Catalog& catalog, const solve::Plan& plan,
                     std::optional<VulnerabilityCheck>& made) {
    using AtInstall = jail::VulnerabilityConfig::AtInstall;
    const jail::VulnerabilityConfig& config = context.config.vulnerabilities;
    if (config.at_install == AtInstall::no)
        return;
    if (!made)
        made.emplace(config, catalog);
    VulnerabilityCheck& check = *made;
    if (!check.list()) {
        tell_unknown(context, plan);
        return;
    }
    const catalog::ReadTransaction one_state(
        catalog.database()); // or each question takes and gives up its locks
    std::string refused;
    for (const solve::Plan::Member& member : plan.result) {
        if (member.already_present || !check.is_vulnerable(member.package.pkgname))
            continue;
        std::vector<format::Vulnerability> entries;
        for (const KnownVulnerability& known : check.of(member.package.pkgname))
            if (known.counts)
                entries.push_back(known.entry);
        for (std::size_t i = 0; i < std::min(entries.size(), most_notes); ++i)
            context.reporter.warn(
                fmt::format("{} {}", member.package.pkgname, vulnerability_words(entries[i])));
        if (entries.size() > most_notes)
            context.reporter.warn(fmt::format("{} has {} more", member.package.pkgname,
                                              jail::counted(entries.size() - most_notes, "known problem")));
        if (refused.empty())
            refused = member.package.pkgname;
    }
    if (!refused.empty() && config.at_install == AtInstall::refuse)
        throw Error(ErrorKind::finding, refused,
                    "has known vulnerabilities, and pkgjail.conf says [vulnerabilities] install = refuse",
                    "take another version, or write an [ignore] section with your reason");
}

} // namespace pkgjail::ops
