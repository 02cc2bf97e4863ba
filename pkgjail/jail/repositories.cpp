// repositories.conf: where packages come from and what makes them believed.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/config_parts.hpp"
#include "pkgjail/jail/name.hpp"

namespace pkgjail::jail {

namespace {

constexpr std::array<Trust, 4> all_trusts = {Trust::index_signed, Trust::package_signed, Trust::pinned,
                                             Trust::none};

bool is_hex(std::string_view text, std::size_t length) {
    return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// "ed25519:" and the base64 of 32 bytes, and after a blank what people call it, as in a .pub file; whether
/// they are a key is seen when it is used.
bool is_key(std::string_view text) {
    text = text.substr(0, text.find(' '));
    constexpr std::string_view scheme = "ed25519:";
    return text.size() == scheme.size() + 44 && text.starts_with(scheme) && text.ends_with('=') &&
           text.substr(scheme.size(), 43)
                   .find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
               std::string_view::npos;
}

bool is_file_path(std::string_view text) {
    const std::optional<base::RootPath> path = absolute_path(text);
    return path && !path->is_root();
}

/// A key that has no meaning under another policy would be taken for a protection that it is not.
void only_with(const SectionReader& reader, const RepositoryConfig& repository, const char* key,
               Trust wanted) {
    if (repository.trust != wanted)
        reader.fail(key, fmt::format("found with trust = {}", trust_name(repository.trust)),
                    fmt::format("with trust = {} only", trust_name(wanted)));
}

void read_path(SectionReader& reader, const RepositoryConfig& repository, const char* key,
               std::string& place) {
    const auto value = reader.text(key);
    if (!value)
        return;
    if (!is_file_path(*value))
        reader.refuse(key, "the absolute path of a file");
    only_with(reader, repository, key, Trust::package_signed);
    place = *value;
}

void read_index_trust(SectionReader& reader, RepositoryConfig& repository) {
    for (const Setting& setting : reader.list("key")) {
        if (!is_key(setting.value) && !is_file_path(setting.value))
            throw wrong_value(setting,
                              "ed25519: and 44 characters of base64, or the absolute path of a file "
                              "that holds such a key",
                              "pkgjail repo key list shows your own");
        only_with(reader, repository, "key", Trust::index_signed);
        repository.keys.push_back(setting.value);
    }
    if (const auto id = reader.text("id")) {
        const bool fine =
            !id->empty() && id->size() <= 64 &&
            std::string_view("._-").find(id->front()) == std::string::npos &&
            id->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos;
        if (!fine)
            reader.refuse("id", "a letter a-z or a digit, then letters a-z, digits, \".\", \"_\" and \"-\", "
                                "at most 64 characters");
        only_with(reader, repository, "id", Trust::index_signed);
        repository.id = *id;
    }
    for (const Setting& setting : reader.list("pin")) {
        constexpr std::string_view scheme = "sha256:";
        if (!setting.value.starts_with(scheme) ||
            !is_hex(std::string_view(setting.value).substr(scheme.size()), 64))
            throw wrong_value(setting, "sha256: and 64 hexadecimal digits in lower case");
        only_with(reader, repository, "pin", Trust::pinned);
        repository.pins.push_back(setting.value.substr(scheme.size()));
    }
}

void read_package_trust(SectionReader& reader, RepositoryConfig& repository) {
    read_path(reader, repository, "certificates", repository.certificates);
    read_path(reader, repository, "chain", repository.chain);
    read_path(reader, repository, "revocations", repository.revocations);
    read_path(reader, repository, "keyring", repository.keyring);
    read_path(reader, repository, "gpg", repository.gpg);
    read_path(reader, repository, "pkg-install-conf", repository.pkg_install_conf);
    if (const auto word = reader.text("verified-installation")) {
        const auto meant = find_verification(*word);
        if (!meant)
            reader.refuse("verified-installation", "always, trusted, interactive",
                          *word == "never" ? "that nothing is checked is said with trust = none" : "");
        only_with(reader, repository, "verified-installation", Trust::package_signed);
        repository.verification = *meant;
    }
}

RepositoryConfig read_repository(const Section& section) {
    if (!is_valid_name(section.name))
        throw base::Error(base::ErrorKind::configuration, section.where.str(),
                          fmt::format("found {}, allowed: [repository NAME], where NAME is {}",
                                      section.title(), name_rule));
    SectionReader reader(section);
    RepositoryConfig repository;
    repository.name = section.name;
    repository.url = reader.required("url");
    check_url(reader, "url", repository.url, true);
    while (repository.url.ends_with('/'))
        repository.url.pop_back();

    std::vector<std::string> trusts;
    for (const Trust trust : all_trusts)
        trusts.emplace_back(trust_name(trust));
    if (const auto trust = reader.word("trust", trusts))
        repository.trust = *find_trust(*trust);
    read_index_trust(reader, repository);
    read_package_trust(reader, repository);
    repository.priority = static_cast<int>(
        reader.number("priority", 0, 1000).value_or(static_cast<unsigned>(repository.priority)));
    repository.enabled = reader.yes_no("enabled").value_or(repository.enabled);
    reader.finish();
    return repository;
}

} // namespace

std::string_view trust_name(Trust trust) {
    switch (trust) {
    case Trust::index_signed:
        return "index-signed";
    case Trust::package_signed:
        return "package-signed";
    case Trust::pinned:
        return "pinned";
    case Trust::none:
        break;
    }
    return "none";
}

std::optional<Trust> find_trust(std::string_view name) {
    const auto* const trust = std::find_if(all_trusts.begin(), all_trusts.end(),
                                           [&](Trust one) { return trust_name(one) == name; });
    return trust == all_trusts.end() ? std::nullopt : std::optional(*trust);
}

std::optional<Verification> find_verification(std::string_view word) {
    if (word == "always")
        return Verification::always;
    if (word == "trusted")
        return Verification::trusted;
    if (word == "interactive")
        return Verification::interactive;
    return std::nullopt;
}

std::vector<RepositoryConfig> parse_repositories(std::string_view text, std::string_view file) {
    const std::vector<Section> sections = parse_sections(text, file);
    for (const Section& section : sections)
        check_kind(section, {"repository"}, {"repository"});
    check_once(sections);

    std::vector<RepositoryConfig> repositories;
    for (const Section& section : sections) {
        const RepositoryConfig repository = read_repository(section);
        for (const RepositoryConfig& earlier : repositories)
            if (earlier.url == repository.url)
                SectionReader(section).fail(
                    "url", fmt::format("found the address of [repository {}] again", earlier.name),
                    "each address once");
        repositories.push_back(repository);
    }
    std::stable_sort(
        repositories.begin(), repositories.end(),
        [](const RepositoryConfig& a, const RepositoryConfig& b) { return a.priority < b.priority; });
    return repositories;
}

} // namespace pkgjail::jail
