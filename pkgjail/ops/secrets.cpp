#include "pkgjail/ops/secrets.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/secrets.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/secret_files.hpp"
#include "pkgjail/supervise/service_json.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint64_t most_together = 8u << 20; // they lie in memory with the rest of /run

/// Service by secret, in the recipe that is given.
std::map<std::string, const jail::Service*> needed_by(const std::optional<jail::RenderedRecipe>& recipe) {
    std::map<std::string, const jail::Service*> needed;
    if (recipe)
        for (const jail::Service& service : recipe->services)
            for (const std::string& name : service.secrets)
                needed.emplace(name, &service);
    return needed;
}

/// A reload renews the secrets that there were at the start, and brings no new ones.
bool was_started_with(const base::HostPath& run_directory, const std::string& secret) {
    try {
        const auto there = supervise::read_service(run_directory).spec.secrets;
        return std::any_of(there.begin(), there.end(), [&](const auto& one) { return one.name == secret; });
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::not_found)
            throw;
        return false; // then it takes a restart, which writes anew what cannot be read here
    }
}

SecretResult result_of(const Context& context, const catalog::Jail& jail, const std::string& secret,
                       bool changed, bool is_set) {
    using Takes = SecretResult::Takes;
    SecretResult result{jail.name, changed, Takes::nothing, false};
    const base::HostPath run = context.layout.run(jail.id);
    if (!is_running(supervise::read_status(run)))
        return result;
    result.in_place = was_started_with(run, secret);
    if (!changed || (!is_set && !result.in_place))
        return result;
    result.takes = Takes::restart;
    if (const auto recipe = rendered_recipe(context, jail);
        recipe && result.in_place &&
        std::any_of(recipe->services.begin(), recipe->services.end(),
                    [](const jail::Service& one) { return one.reload_signal != 0; }))
        result.takes = Takes::reload;
    return result;
}

void check_together(const std::string& whose, std::uint64_t together) {
    if (together > most_together)
        throw Error(ErrorKind::usage, whose,
                    fmt::format("its secrets would have {} together, allowed: {}",
                                jail::format_size(together), jail::format_size(most_together)));
}

} // namespace

void check_secret(const std::string& name, std::string_view value) {
    if (!jail::is_secret_name(name))
        throw Error(ErrorKind::usage, name,
                    fmt::format("is no name of a secret, allowed: {}", jail::secret_rule));
    if (value.empty())
        throw Error(ErrorKind::usage, name, "the secret is empty",
                    "give a file, or a standard input, that holds it");
    if (value.size() > confine::most_secret_bytes)
        throw secret_too_large(name);
}

Error secret_too_large(const std::string& name) {
    return Error(ErrorKind::usage, name,
                 fmt::format("the secret has more than {}", jail::format_size(confine::most_secret_bytes)));
}

SecretValues read_secret_files(const std::map<std::string, base::HostPath>& files) {
    SecretValues values;
    std::uint64_t together = 0;
    for (const auto& [name, file] : files) {
        try {
            values[name] = base::read_file(file, confine::most_secret_bytes);
        } catch (const Error& error) {
            throw Error(ErrorKind::usage, "--secret " + name,
                        "the file that is named cannot be read: " + error.cause(),
                        "--secret NAME=FILE, where FILE holds the secret");
        }
        check_secret(name, values[name]);
        together += values[name].size();
    }
    check_together("--secret", together);
    return values;
}

std::vector<SecretView> secrets(const Context& context, const std::string& name) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, name, "there is no jail of this name",
                    "pkgjail install PACKAGE makes the first one");
    const catalog::Jail jail = require_jail(*catalog, name);
    std::map<std::string, SecretView> views;
    const auto recipe = rendered_recipe(context, jail);
    for (const auto& [secret, service] : needed_by(recipe))
        views[secret].service = service->name;
    for (const store::SecretFile& file : store::list_secrets(context.layout, jail.id)) {
        SecretView& view = views[file.name];
        view.set = true;
        view.set_at = file.set_at;
        view.bytes = file.bytes;
    }
    std::vector<SecretView> list;
    for (auto& [secret, view] : views) {
        view.name = secret;
        list.push_back(std::move(view));
    }
    return list;
}

std::vector<std::string> missing_secrets(const Context& context, const std::string& jail_id,
                                         const std::optional<jail::RenderedRecipe>& recipe,
                                         const SecretValues& given) {
    const auto set = store::list_secrets(context.layout, jail_id);
    std::vector<std::string> missing;
    for (const auto& [name, service] : needed_by(recipe)) {
        const std::string& wanted = name;
        if (!given.contains(wanted) &&
            std::none_of(set.begin(), set.end(), [&](const auto& one) { return one.name == wanted; }))
            missing.push_back(wanted);
    }
    return missing;
}

Error secrets_error(const std::string& jail, const std::vector<std::string>& missing) {
    return Error(ErrorKind::configuration, jail,
                 fmt::format("needs the secret{} {}, which {} not set", missing.size() == 1 ? "" : "s",
                             fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are"),
                 fmt::format("pkgjail secret set {} {} < FILE", jail, missing.front()));
}

Error secrets_error_before(const std::string& jail, const std::vector<std::string>& missing,
                           std::string_view way) {
    const Error error = secrets_error(jail, missing);
    return Error(error.kind(), error.object(), error.cause(),
                 fmt::format("{}; then {}, and pkgjail start {}", way, error.hint(), jail));
}

void require_secrets(const Context& context, const catalog::Jail& jail,
                     const std::optional<jail::RenderedRecipe>& recipe) {
    if (const auto missing = missing_secrets(context, jail.id, recipe); !missing.empty())
        throw secrets_error(jail.name, missing);
}

SecretResult set_secret(const Context& context, const std::string& name, const std::string& secret,
                        std::string_view value) {
    check_secret(secret, value);
    Session session(context, "secret", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    std::uint64_t together = value.size();
    bool same = false;
    for (const store::SecretFile& file : store::list_secrets(context.layout, jail.id)) {
        if (file.name != secret)
            together += file.bytes;
        else
            same = base::read_file(context.layout.secret(jail.id, secret)) == value;
    }
    check_together("jail " + name, together);
    if (!same && !context.dry_run) {
        store::write_secret(context.layout, jail.id, secret, value);
        base::step("secret.written");
    }
    session.finish();
    return result_of(context, jail, secret, !same, true);
}

SecretResult remove_secret(const Context& context, const std::string& name, const std::string& secret) {
    Session session(context, "secret", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    const auto set = store::list_secrets(context.layout, jail.id);
    if (std::none_of(set.begin(), set.end(), [&](const auto& one) { return one.name == secret; }))
        throw Error(ErrorKind::not_found, secret, fmt::format("is not set for jail {}", name),
                    fmt::format("pkgjail secret list {} shows what is", name));
    const auto recipe = rendered_recipe(context, jail);
    const auto needed = needed_by(recipe);
    if (const auto found = needed.find(secret); found != needed.end())
        throw Error(ErrorKind::conflict, secret,
                    fmt::format("is needed by service {} of jail {}", found->second->name, name),
                    "set another value, or take it out of recipe or declaration first");
    if (!context.dry_run)
        store::remove_secret(context.layout, jail.id, secret);
    session.finish();
    return result_of(context, jail, secret, true, false);
}

void add_secrets(const Context& context, const catalog::Jail& jail,
                 const std::optional<jail::RenderedRecipe>& recipe, confine::JailSpec& spec) {
    const auto set = store::list_secrets(context.layout, jail.id);
    if (set.empty())
        return;
    const auto needed = needed_by(recipe);
    const base::Tree config = base::Tree::open(context.layout.jail_config(jail.id, jail.current));
    for (const store::SecretFile& file : set) {
        const auto found = needed.find(file.name);
        const jail::Service* service = found != needed.end()                 ? found->second
                                       : recipe && !recipe->services.empty() ? &recipe->services.front()
                                                                             : nullptr;
        const confine::Identity user = service != nullptr
                                           ? store::find_identity(config, service->user, service->group)
                                           : confine::Identity{};
        const base::Owner owner = store::permitted_owner({user.uid, user.gid});
        spec.secrets.push_back({file.name, context.layout.secret(jail.id, file.name), owner.uid, owner.gid});
    }
}

} // namespace pkgjail::ops
