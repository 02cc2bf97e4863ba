#include "pkgjail/repo/clear_signed.hpp"

#include <map>
#include <vector>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/repo/scratch.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t most_bytes = std::size_t{512} << 20;

/// Lines "[GNUPG:] WORD REST" of gpgv's report, each word's first rest.
std::multimap<std::string, std::string> statuses_of(const std::string& report) {
    constexpr std::string_view mark = "[GNUPG:] ";
    std::multimap<std::string, std::string> statuses;
    for (std::size_t begin = 0; begin < report.size();) {
        const std::size_t end = std::min(report.find('\n', begin), report.size());
        const std::string_view line = std::string_view(report).substr(begin, end - begin);
        begin = end + 1;
        if (!line.starts_with(mark))
            continue;
        const std::string_view rest = line.substr(mark.size());
        const std::size_t blank = rest.find(' ');
        statuses.emplace(rest.substr(0, blank),
                         blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1));
    }
    return statuses;
}

struct Judgement {
    const char* status;
    const char* cause; ///< "{}" is what gpgv says of it
    const char* hint;
};
// The first that is found is told; all of them are a no.
constexpr Judgement judgements[] = {
    {"BADSIG", "its signature does not fit its text ({})", "it was damaged or changed; fetch it again"},
    {"REVKEYSIG", "it was signed by a key that is revoked ({})",
     "somebody else may have that key; do not use the list"},
    {"EXPKEYSIG", "it was signed by a key that has expired ({})", "get the publisher's present key"},
    {"EXPSIG", "its signature has expired ({})", "fetch a newer one"},
    {"NO_PUBKEY", "it was signed by a key that is not in the keyring ({})",
     "if you trust it, put the publisher's key into the keyring"},
    {"ERRSIG", "its signature cannot be checked ({})", "gpgv tells more"},
};

[[noreturn]] void refuse(std::string_view name, const std::string& cause, const std::string& hint) {
    throw Error(ErrorKind::trust, std::string(name), cause, hint);
}

} // namespace

ClearSigned verify_clear_signed(std::string_view message, std::string_view name,
                                const base::HostPath& keyring, const base::HostPath& directory) {
    if (!message.starts_with("-----BEGIN PGP SIGNED MESSAGE-----"))
        refuse(name, "is not signed, and only a signed one is taken",
               "its signature was taken away, or this is the wrong address");
    auto gpgv = base::find_program("gpgv");
    if (!gpgv)
        gpgv = base::find_program("gpgv2");
    if (!gpgv)
        throw Error(ErrorKind::configuration, "gpgv", "is not on this host, and a keyring is configured",
                    "install GnuPG, or its program gpgv alone");
    std::error_code error;
    if (!std::filesystem::is_regular_file(keyring, error))
        throw Error(ErrorKind::configuration, keyring.string(), "is no file; it should hold keys for gpgv",
                    "gpg --export KEY > " + keyring.string());

    const Scratch work(directory);
    const base::HostPath file = work.write("message", message);
    base::Command command;
    command.argv = {gpgv->string(),   "--homedir", (work / "home").string(), "--status-fd", "1", "--keyring",
                    keyring.string(), "--output",  (work / "text").string(), file.string()};
    base::make_directories(work / "home", 0700);
    command.environment = {"LC_ALL=C", "PATH=/usr/bin:/bin"};
    command.end_with_parent = true;
    const base::Output output = base::run(command, std::chrono::seconds(120));
    const auto statuses = statuses_of(output.out);
    for (const Judgement& judgement : judgements)
        if (const auto found = statuses.find(judgement.status); found != statuses.end())
            refuse(name, fmt::format(fmt::runtime(judgement.cause), found->second), judgement.hint);
    const auto valid = statuses.find("VALIDSIG");
    const auto good = statuses.find("GOODSIG");
    if (!output.exit.success() || valid == statuses.end() || good == statuses.end())
        refuse(name,
               fmt::format("gpgv finds no good signature ({})",
                           output.timed_out ? "it did not end" : output.exit.describe()),
               "gpgv tells more");

    ClearSigned result;
    const std::string& owner = good->second; // key id, then the name in the key
    result.signer = fmt::format("{} ({})", valid->second.substr(0, valid->second.find(' ')),
                                owner.substr(std::min(owner.find(' ') + 1, owner.size())));
    result.text = base::read_file(work / "text", most_bytes);
    if (!result.text.empty() && !result.text.ends_with('\n'))
        result.text += '\n';
    return result;
}

} // namespace pkgjail::repo
