#include "pkgjail/jail/pkg_install_conf.hpp"

#include <algorithm>

#include "pkgjail/jail/config_file.hpp"

namespace pkgjail::jail {

namespace {

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return text;
}

void take_path(const Setting& setting, std::string& place, bool or_name) {
    const bool is_name = or_name && !setting.value.empty() && setting.value.find('/') == std::string::npos;
    const auto path = absolute_path(setting.value);
    if (!is_name && (!path || path->is_root()))
        throw wrong_value(setting, "the absolute path of a file");
    place = setting.value;
}

void take_verification(const Setting& setting, PkgInstallConf& conf) {
    const std::string word = lower(setting.value); // pkg_install takes it in any case
    conf.verification = find_verification(word);
    if (!conf.verification)
        throw wrong_value(setting, "always, trusted, interactive",
                          word == "never" ? "that nothing is checked is said with trust = none in "
                                            "repositories.conf, or set verified-installation there"
                                          : "");
}

} // namespace

PkgInstallConf parse_pkg_install_conf(std::string_view text, const std::string& file) {
    PkgInstallConf conf;
    std::vector<std::string> seen;
    unsigned number = 0;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos)
            continue;
        Setting setting;
        setting.key = line.substr(0, equals);
        setting.value = line.substr(equals + 1);
        setting.where = {file, number, setting.key};
        std::string* const path = setting.key == "CERTIFICATE_ANCHOR_PKGS" ? &conf.certificates
                                  : setting.key == "CERTIFICATE_CHAIN"     ? &conf.chain
                                  : setting.key == "GPG"                   ? &conf.gpg
                                  : setting.key == "GPG_KEYRING_VERIFY"    ? &conf.keyring
                                                                           : nullptr;
        if (path == nullptr && setting.key != "VERIFIED_INSTALLATION")
            continue;
        if (std::find(seen.begin(), seen.end(), setting.key) != seen.end())
            throw wrong_value(setting, "once");
        seen.push_back(setting.key);
        if (path == nullptr)
            take_verification(setting, conf);
        else
            take_path(setting, *path, setting.key == "GPG");
    }
    return conf;
}

} // namespace pkgjail::jail
