// repo list, repo index, repo key: repositories, and making a signed one.
#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/repositories.hpp"
#include "pkgjail/ops/repository_index.hpp"
#include "pkgjail/ops/repository_keys.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

constexpr const char* allowed_actions = "list, index, key";
constexpr const char* allowed_key_actions = "new, list, revoke";

std::string time_of(std::int64_t seconds) {
    return base::format_time(base::from_unix(seconds));
}

/// Throws Error{usage} for options that belong to another action.
void only_options(Environment& environment, const std::string& action,
                  const std::vector<std::string>& allowed) {
    for (const char* const option : {"sign", "key", "expires", "id", "reason"})
        if (environment.has(option) && std::find(allowed.begin(), allowed.end(), option) == allowed.end())
            throw Error(ErrorKind::usage, std::string("--") + option, "is not for repo " + action,
                        "pkgjail help repo");
}

std::string argument(const std::vector<std::string>& words, std::size_t place, const std::string& action,
                     const std::string& usage) {
    if (words.size() != place + 1)
        throw Error(ErrorKind::usage, "repo " + action,
                    words.size() <= place ? "something is missing" : "takes no more than that", usage);
    return words[place];
}

Json repository_json(const ops::ListedRepository& listed) {
    const bool is_signed = listed.trust && !listed.trust->identity.empty();
    Json went_back = Json::array();
    for (const catalog::SeenPackage& package : listed.went_back)
        went_back.push_back(package.pkgname);
    return {{"name", listed.config.name},
            {"url", listed.config.url},
            {"trust", jail::trust_name(listed.config.trust)},
            {"priority", listed.config.priority},
            {"packages", listed.state ? Json(listed.state->packages) : Json(nullptr)},
            {"refreshed_at", listed.state ? Json(time_of(listed.state->refreshed_at)) : Json(nullptr)},
            {"checked_at", listed.state ? Json(time_of(listed.state->checked_at)) : Json(nullptr)},
            {"id", is_signed ? Json(listed.trust->identity) : Json(nullptr)},
            {"serial", is_signed ? Json(listed.trust->serial) : Json(nullptr)},
            {"made_at", is_signed ? Json(time_of(listed.trust->made_at)) : Json(nullptr)},
            {"expires_at", is_signed ? Json(time_of(listed.trust->expires_at)) : Json(nullptr)},
            {"keys", is_signed ? Json(listed.trust->signers) : Json::array()},
            {"revoked_keys", is_signed ? Json(listed.trust->revoked) : Json::array()},
            {"newest_build_at", listed.state && listed.state->newest_build
                                    ? Json(time_of(*listed.state->newest_build))
                                    : Json(nullptr)},
            {"went_back", went_back},
            {"proof", listed.proof},
            {"problem", listed.problem}};
}

/// "2026-11-22 06:40", or a dash.
std::string short_time(bool known, std::int64_t seconds) {
    if (!known)
        return "-";
    std::string text = time_of(seconds).substr(0, 16);
    text[10] = ' ';
    return text;
}

int list(Environment& environment) {
    const auto repositories = ops::list_repositories(environment.context());
    if (environment.json()) {
        Json all = Json::array();
        for (const ops::ListedRepository& listed : repositories)
            all.push_back(repository_json(listed));
        environment.print_json({{"repositories", all}});
        return exit_done;
    }
    if (repositories.empty()) {
        environment.say("no repository is configured\n");
        return exit_done;
    }
    Table table({"NAME", "TRUST", "PACKAGES", "SERIAL", "EXPIRES", "REFRESHED"}, 0);
    std::string problems;
    const auto add_line = [&](const ops::ListedRepository& listed, const std::string& words) {
        problems +=
            folded(fmt::format("{}: {}", listed.config.name, printable(words)), 0, output_screen()) + "\n";
    };
    for (const ops::ListedRepository& listed : repositories) {
        const bool is_signed = listed.config.trust == jail::Trust::index_signed && listed.trust &&
                               !listed.trust->identity.empty();
        table.add({{listed.config.name},
                   {std::string(jail::trust_name(listed.config.trust)),
                    !listed.problem.empty() ? Color::red : Color::none},
                   {listed.state ? std::to_string(listed.state->packages) : "-"},
                   {is_signed ? std::to_string(listed.trust->serial) : "-"},
                   {short_time(is_signed, is_signed ? listed.trust->expires_at : 0)},
                   {short_time(listed.state.has_value(), listed.state ? listed.state->refreshed_at : 0)}});
        if (const std::string age = ops::age_text(listed); !age.empty() && !is_signed)
            add_line(listed, age);
        if (const std::string back = ops::went_back_text(listed); !back.empty())
            add_line(listed, back);
        if (!listed.problem.empty())
            add_line(listed, listed.problem);
    }
    environment.say(table.render(output_screen()) + problems);
    return exit_done;
}

ops::IndexRequest index_request(Environment& environment, const std::string& directory) {
    ops::IndexRequest request;
    request.directory = std::filesystem::absolute(directory);
    request.sign = environment.has("sign");
    for (const char* const option : {"key", "expires", "id"})
        if (environment.has(option) && !request.sign)
            throw Error(ErrorKind::usage, std::string("--") + option, "is for --sign",
                        "pkgjail repo index DIR --sign");
    for (const std::string& key : environment.list("key")) {
        if (key.empty())
            throw Error(ErrorKind::usage, "--key", "found \"\", allowed: a file");
        request.keys.emplace_back(std::filesystem::absolute(key));
    }
    if (environment.has("expires")) {
        const std::string text = environment.text("expires");
        const auto time = jail::parse_duration(text);
        if (!time || *time < std::chrono::minutes(1) || *time > std::chrono::hours(24 * 3660))
            throw Error(ErrorKind::usage, "--expires",
                        fmt::format("found \"{}\", allowed: a time from 1m to 3660d", text));
        request.valid_for = *time;
    }
    request.id = environment.text("id");
    return request;
}

int index(Environment& environment, const std::string& directory) {
    const bool dry_run = environment.context().dry_run;
    const ops::IndexResult result =
        ops::index_repository(environment.context(), index_request(environment, directory));
    if (environment.json()) {
        Json files = Json::array();
        for (const ops::IndexedFile& file : result.files)
            files.push_back({{"name", file.name}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
        Json signature = nullptr;
        if (result.is_signed)
            signature = {{"id", result.id},
                         {"serial", result.serial},
                         {"made_at", base::format_time(result.made_at)},
                         {"expires_at", base::format_time(result.expires)},
                         {"keys", result.key_ids},
                         {"revoked_keys", result.revoked}};
        environment.print_json({{"action", "index"},
                                {"dry_run", dry_run},
                                {"packages", result.packages},
                                {"files", files},
                                {"signature", signature}});
        return exit_done;
    }
    std::string text =
        fmt::format("{}{}\n", dry_run ? "would be indexed: " : "", jail::counted(result.packages, "package"));
    for (const ops::IndexedFile& file : result.files)
        text += fmt::format("{:<16} {:>6}\n  sha256:{}\n", file.name, jail::format_size(file.size_bytes),
                            file.sha256);
    if (result.is_signed)
        text += fmt::format("signed as {}, serial {}, until {}, by key {}\n", result.id, result.serial,
                            base::format_time(result.expires), fmt::join(result.key_ids, " "));
    environment.say(text);
    return exit_done;
}

Json key_json(const ops::RepositoryKey& key) {
    return {{"id", key.id},
            {"name", key.name},
            {"public_key", key.public_key},
            {"secret", key.secret},
            {"repositories", key.repositories},
            {"revoked", key.revoked},
            {"revoked_at", key.revoked_at},
            {"reason", key.reason}};
}

int new_key(Environment& environment, const std::string& name) {
    const bool dry_run = environment.context().dry_run;
    const ops::RepositoryKey key = ops::new_key(environment.context(), name);
    const std::string directory = (environment.context().config.etc / "keys").string();
    if (environment.json())
        environment.print_json({{"action", "key new"}, {"dry_run", dry_run}, {"key", key_json(key)}});
    else if (dry_run)
        environment.say(fmt::format("{}/{}.key and .pub would be made\n", printable(directory), name));
    else
        environment.say(fmt::format("key {}\n  secret  {}/{}.key\n  public  {}/{}.pub\n"
                                    "for repositories.conf of those who are to believe it:\n  key = {}\n",
                                    key.id, printable(directory), name, printable(directory), name,
                                    key.public_key));
    return exit_done;
}

int list_keys(Environment& environment) {
    const auto keys = ops::list_keys(environment.context());
    if (environment.json()) {
        Json all = Json::array();
        for (const ops::RepositoryKey& key : keys)
            all.push_back(key_json(key));
        environment.print_json({{"action", "key list"}, {"keys", all}});
        return exit_done;
    }
    if (keys.empty()) {
        environment.say("there is no key; pkgjail repo key new NAME makes one\n");
        return exit_done;
    }
    std::string text;
    for (const ops::RepositoryKey& key : keys) {
        text +=
            fmt::format("{}  {}{}\n  {}\n", key.id, key.name.empty() ? "(of repositories.conf)" : key.name,
                        key.secret ? ", to sign with" : "", key.public_key);
        if (!key.repositories.empty())
            text += fmt::format("  believed for {}\n", fmt::join(key.repositories, ", "));
        if (key.revoked)
            text += "  " +
                    colored(folded(fmt::format("revoked {}{}{}", printable(key.revoked_at),
                                               key.reason.empty() ? "" : ": ", printable(key.reason)),
                                   2, output_screen()),
                            Color::red, output_screen()) +
                    "\n";
    }
    environment.say(text);
    return exit_done;
}

int revoke_key(Environment& environment, const std::string& name) {
    const bool dry_run = environment.context().dry_run;
    const ops::Revocation revocation =
        ops::revoke_key(environment.context(), name, environment.text("reason"));
    if (environment.json()) {
        environment.print_json({{"action", "key revoke"},
                                {"dry_run", dry_run},
                                {"id", revocation.key.id},
                                {"revoked_at", revocation.key.at},
                                {"reason", revocation.key.reason},
                                {"changed", revocation.changed}});
        return exit_done;
    }
    if (!revocation.changed)
        environment.say(
            fmt::format("key {} was revoked at {}\n", revocation.key.id, printable(revocation.key.at)));
    else
        environment.say(fmt::format("key {} {}; the next signed index tells those who use it\n",
                                    revocation.key.id, dry_run ? "would be revoked" : "is revoked"));
    return exit_done;
}

int key(Environment& environment, const std::vector<std::string>& words) {
    const std::string action = words.size() > 1 ? words[1] : "";
    only_options(environment, "key " + action,
                 action == "revoke" ? std::vector<std::string>{"reason"} : std::vector<std::string>{});
    if (action == "new")
        return new_key(environment, argument(words, 2, "key new", "pkgjail repo key new NAME"));
    if (action == "revoke")
        return revoke_key(environment, argument(words, 2, "key revoke", "pkgjail repo key revoke NAME|ID"));
    if (action == "list") {
        argument(words, 1, "key list", "pkgjail repo key list");
        return list_keys(environment);
    }
    throw Error(ErrorKind::usage, "repo key",
                action.empty() ? fmt::format("{} is needed", allowed_key_actions)
                               : fmt::format("found \"{}\", allowed: {}", action, allowed_key_actions),
                "pkgjail repo key list");
}

} // namespace

int cmd_repo(Environment& environment) {
    const std::vector<std::string> words = environment.list("action…");
    const std::string action = words.empty() ? "" : words.front();
    if (action == "list") {
        only_options(environment, action, {});
        argument(words, 0, action, "pkgjail repo list");
        return list(environment);
    }
    if (action == "index") {
        only_options(environment, action, {"sign", "key", "expires", "id"});
        const std::string directory = argument(words, 1, action, "pkgjail repo index DIR [--sign]");
        if (directory.empty())
            throw Error(ErrorKind::usage, "repo index", "found \"\", allowed: a directory");
        return index(environment, directory);
    }
    if (action == "key")
        return key(environment, words);
    throw Error(ErrorKind::usage, "repo",
                action.empty() ? fmt::format("{} is needed", allowed_actions)
                               : fmt::format("found \"{}\", allowed: {}", action, allowed_actions),
                "pkgjail repo list");
}

} // namespace pkgjail::cli
