#include "pkgjail/repo/gpg.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/format/changed_package.hpp"
#include "pkgjail/repo/scratch.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;

constexpr std::chrono::seconds time_limit{60};
constexpr std::size_t most_keyring_bytes = std::size_t{64} << 20;

/// The status lines of one run (doc/DETAILS of GnuPG).
struct Status {
    std::vector<std::pair<std::string, std::vector<std::string>>> lines; ///< keyword, arguments

    explicit Status(const std::string& text) {
        std::istringstream all(text);
        for (std::string line; std::getline(all, line);) {
            std::istringstream words(line);
            std::string word, keyword;
            if (!(words >> word) || word != "[GNUPG:]" || !(words >> keyword))
                continue;
            lines.push_back({keyword, {}});
            while (words >> word)
                lines.back().second.push_back(word);
        }
    }
    /// The arguments of the first line with this keyword.
    const std::vector<std::string>* find(std::string_view keyword) const {
        for (const auto& [found, arguments] : lines)
            if (found == keyword)
                return &arguments;
        return nullptr;
    }
    std::size_t count(std::string_view keyword) const {
        return static_cast<std::size_t>(std::count_if(
            lines.begin(), lines.end(), [&](const auto& line) { return line.first == keyword; }));
    }
};

/// "KEYID Our packages <…>" → the user's name behind the id.
std::string rest(const std::vector<std::string>& arguments, std::size_t from) {
    std::string text;
    for (std::size_t i = from; i < arguments.size(); ++i)
        text += (text.empty() ? "" : " ") + arguments[i];
    return text;
}

std::string first(const std::vector<std::string>& arguments) {
    return arguments.empty() ? std::string("unknown") : arguments.front();
}

[[noreturn]] void refuse(const std::string& name, std::string cause, std::string hint = {}) {
    throw Error(ErrorKind::trust, name, std::move(cause), std::move(hint));
}

HostPath program_of(const std::string& configured, const std::string& name) {
    if (!configured.empty() && configured.find('/') != std::string::npos) {
        std::error_code error;
        if (std::filesystem::is_regular_file(configured, error))
            return configured;
        refuse(name,
               fmt::format("its OpenPGP signature cannot be checked: there is no program {}", configured),
               "install GnuPG, or name the program with `gpg = PATH`");
    }
    for (const std::string& candidate : configured.empty()
                                            ? std::vector<std::string>{"gpg", "gpg2", "gpgv", "gpgv2"}
                                            : std::vector<std::string>{configured})
        if (const auto found = base::find_program(candidate))
            return *found;
    refuse(name, "its OpenPGP signature cannot be checked: this host has neither gpg nor gpgv",
           "install GnuPG, or name the program with `gpg = PATH`");
}

base::Command command_of(const HostPath& program, const Scratch& scratch, const HostPath& keyring,
                         const HostPath& signature, const HostPath& content) {
    base::Command command;
    command.argv = {program.string(), "--homedir", scratch.path().string()};
    if (program.filename().string().starts_with("gpgv"))
        command.argv.insert(command.argv.end(), {"--keyring", keyring.string(), "--status-fd", "1"});
    else
        command.argv.insert(command.argv.end(),
                            {"--no-options", "--batch", "--no-tty", "--no-auto-key-retrieve",
                             "--no-auto-check-trustdb", "--no-permission-warning", "--lock-never",
                             "--trust-model", "always", "--no-default-keyring", "--keyring", keyring.string(),
                             "--status-fd", "1", "--verify"});
    command.argv.insert(command.argv.end(), {"--", signature.string(), content.string()});
    command.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + scratch.path().string()};
    command.working_directory = scratch.path().string();
    command.new_session = true;
    return command;
}

constexpr const char* changed_hint =
    "run `pkgjail update`; if it stays, the repository is damaged or somebody "
    "changes archives on their way";

/// Every word that speaks against it counts, also beside a good signature.
void check_refusals(const Status& status, const std::string& name) {
    if (const auto* bad = status.find("BADSIG"))
        throw format::ChangedAfterSigning(
            name,
            fmt::format("its OpenPGP signature by {} ({}) is not over this package: one of them was changed",
                        first(*bad), rest(*bad, 1)),
            changed_hint);
    if (const auto* revoked = status.find("REVKEYSIG"))
        refuse(name,
               fmt::format("the OpenPGP key {} ({}) that signed it was revoked", first(*revoked),
                           rest(*revoked, 1)),
               "do not use what it signed; ask the repository's owner");
    if (const auto* expired = status.find("EXPKEYSIG"))
        refuse(
            name,
            fmt::format("the OpenPGP key {} ({}) that signed it has expired", first(*expired),
                        rest(*expired, 1)),
            "get the publisher's present key from somebody you trust; a clock that is wrong looks the same");
    if (const auto* expired = status.find("EXPSIG"))
        refuse(
            name,
            fmt::format("its OpenPGP signature by {} ({}) has expired", first(*expired), rest(*expired, 1)),
            "the repository has to be signed anew");
    if (const auto* error = status.find("ERRSIG")) {
        // ERRSIG keyid algorithm hash class time rc: 9 is a missing key.
        if (error->size() > 5 && (*error)[5] == "9")
            refuse(name,
                   fmt::format("it was signed by the OpenPGP key {}, which is not in the keyring",
                               first(*error)),
                   "add the key to `keyring` only if you believe its owner");
        refuse(name, fmt::format("its OpenPGP signature by {} cannot be checked by this host's GnuPG",
                                 first(*error)));
    }
}

std::string read_keyring(const HostPath& keyring) {
    const auto keys = base::read_file_if_exists(keyring, most_keyring_bytes);
    if (!keys)
        throw Error(ErrorKind::configuration, keyring.string(), "there is no such keyring");
    if (keys->starts_with("-----BEGIN PGP"))
        throw Error(ErrorKind::configuration, keyring.string(),
                    "is a keyring in text form, and GnuPG reads binary ones only",
                    fmt::format("gpg --dearmor {} makes a binary one", keyring.string()));
    return *keys;
}

} // namespace

GpgSigner verify_gpg(std::string_view signature, std::string_view content, const HostPath& keyring,
                     const std::string& program, const HostPath& scratch_parent, const std::string& name) {
    const HostPath gpg = program_of(program, name);
    const Scratch scratch(scratch_parent);
    const base::Output output =
        base::run(command_of(gpg, scratch, scratch.write("keyring.gpg", read_keyring(keyring)),
                             scratch.write("signature.asc", signature), scratch.write("content", content)),
                  time_limit);
    if (output.timed_out)
        refuse(name, fmt::format("its OpenPGP signature cannot be checked: {} does not end", gpg.string()));
    const Status status(output.out);
    check_refusals(status, name);
    const auto* good = status.find("GOODSIG");
    const auto* valid = status.find("VALIDSIG");
    if (status.count("GOODSIG") > 1)
        refuse(name,
               fmt::format("it has {} OpenPGP signatures; exactly one is allowed", status.count("GOODSIG")));
    if (good == nullptr || valid == nullptr || valid->empty() || !output.exit.success()) {
        std::string said = output.err.substr(0, output.err.find('\n'));
        refuse(name,
               status.find("NODATA") != nullptr || status.lines.empty()
                   ? fmt::format("its signature is no OpenPGP signature{}{}", said.empty() ? "" : ": ", said)
                   : fmt::format("its OpenPGP signature is not good ({})", output.exit.describe()));
    }
    return {valid->back(), rest(*good, 1)};
}

} // namespace pkgjail::repo
