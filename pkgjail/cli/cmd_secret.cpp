// secret: files for the eyes of one jail's service.
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/confine/secrets.hpp"
#include "pkgjail/ops/secrets.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

constexpr const char* usage_hint = "pkgjail help secret";

int list(Environment& environment, const std::string& jail) {
    const auto secrets = ops::secrets(environment.context(), jail);
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::SecretView& view : secrets)
            list.push_back({{"secret", view.name},
                            {"service", view.service},
                            {"set", view.set},
                            {"set_at", view.set ? Json(base::format_time(base::from_unix(view.set_at)))
                                                : Json(nullptr)}});
        environment.print_json({{"action", "list"}, {"jail", jail}, {"secrets", list}});
        return exit_done;
    }
    if (secrets.empty()) {
        environment.say(fmt::format("jail {}: no secrets\n", jail));
        return exit_done;
    }
    Table table({"SECRET", "NEEDED BY", "SET"}, 2);
    for (const ops::SecretView& view : secrets)
        table.add({{view.name},
                   {view.service.empty() ? "-" : view.service},
                   {view.set ? base::format_time(base::from_unix(view.set_at)) : "no",
                    view.set ? Color::none : Color::red}});
    environment.say(table.render(output_screen()));
    return exit_done;
}

std::string from_standard_input(const std::string& name) {
    if (::isatty(STDIN_FILENO) == 1)
        throw Error(ErrorKind::usage, "secret set",
                    "the secret is read from standard input, which is a terminal",
                    "pkgjail secret set JAIL NAME < FILE");
    try {
        return base::read_all(base::Fd(::dup(STDIN_FILENO)), "standard input", confine::most_secret_bytes);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt)
            throw;
        throw ops::secret_too_large(name);
    }
}

int tell(Environment& environment, const std::string& action, const std::string& name,
         const ops::SecretResult& result) {
    using Takes = ops::SecretResult::Takes;
    const bool dry_run = environment.context().dry_run;
    if (environment.json()) {
        environment.print_json({{"action", action},
                                {"jail", result.jail},
                                {"secret", name},
                                {"changed", result.changed && !dry_run},
                                {"dry_run", dry_run},
                                {"restart_needed", result.takes == Takes::restart},
                                {"reload_needed", result.takes == Takes::reload}});
        return exit_done;
    }
    if (!result.changed) {
        environment.say(fmt::format("jail {}: nothing to do, secret {} is the same\n", result.jail, name));
        return exit_done;
    }
    environment.say(fmt::format("jail {}: secret {} {}{}\n", result.jail, name, dry_run ? "would be " : "",
                                action == "set" ? "set" : "removed"));
    if (result.takes != Takes::nothing && !dry_run)
        environment.say(fmt::format("the service {} until: pkgjail {} {}\n",
                                    result.in_place ? "has the one before" : "does not have it",
                                    result.takes == Takes::reload ? "reload" : "restart", result.jail));
    return exit_done;
}

} // namespace

std::map<std::string, base::HostPath> secret_files(const std::vector<std::string>& texts) {
    std::map<std::string, base::HostPath> files;
    for (const std::string& text : texts) {
        const std::size_t at = text.find('=');
        if (at == std::string::npos || at == 0 || at + 1 == text.size())
            throw Error(ErrorKind::usage, "--secret", "allowed: NAME=FILE, where FILE holds the secret");
        if (!files.emplace(text.substr(0, at), text.substr(at + 1)).second)
            throw Error(ErrorKind::usage, "--secret", fmt::format("{} is given twice", text.substr(0, at)));
    }
    return files;
}

int cmd_secret(Environment& environment) {
    const std::string action = environment.text("action");
    const std::string jail = environment.text("jail");
    const std::string name = environment.text("name");
    if (action != "list" && action != "set" && action != "remove")
        throw Error(ErrorKind::usage, "secret",
                    action.empty() ? "list, set or remove is needed"
                                   : fmt::format("found \"{}\", allowed: list, set, remove", action),
                    usage_hint);
    if (jail.empty() || name.empty() != (action == "list"))
        throw Error(ErrorKind::usage, "secret " + action,
                    action == "list" ? "needs a jail and nothing else"
                                     : "needs a jail and the name of a secret",
                    usage_hint);
    if (action == "list")
        return list(environment, jail);
    if (action == "remove")
        return tell(environment, action, name, ops::remove_secret(environment.context(), jail, name));
    return tell(environment, action, name,
                ops::set_secret(environment.context(), jail, name, from_standard_input(name)));
}

} // namespace pkgjail::cli
