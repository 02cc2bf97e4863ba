#include "pkgjail/ops/service.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/mounts.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::Tree;

namespace {

/// nullopt where the address can be bound; else the errno.
std::optional<int> bind_error(const catalog::PortClaimRow& claim, int family) {
    const int type = claim.protocol == "udp" ? SOCK_DGRAM : SOCK_STREAM;
    const base::Fd fd(::socket(family, type | SOCK_CLOEXEC, 0));
    if (!fd)
        return std::nullopt; // the family does not exist here, so nobody can have the port in it
    const int on = 1;
    if (type == SOCK_STREAM)
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // A socket on :: takes the port of both families, unless it says otherwise.
    const bool any = claim.address.empty() || claim.address == "::";
    const std::string address = any ? (family == AF_INET6 ? "::" : "0.0.0.0") : claim.address;
    int result = 0;
    if (family == AF_INET6) {
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        struct sockaddr_in6 name {};
        name.sin6_family = AF_INET6;
        name.sin6_port = htons(static_cast<std::uint16_t>(claim.port));
        if (::inet_pton(AF_INET6, address.c_str(), &name.sin6_addr) != 1)
            return std::nullopt;
        result = ::bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name);
    } else {
        struct sockaddr_in name {};
        name.sin_family = AF_INET;
        name.sin_port = htons(static_cast<std::uint16_t>(claim.port));
        if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
            return std::nullopt;
        result = ::bind(fd.get(), reinterpret_cast<const struct sockaddr*>(&name), sizeof name);
    }
    if (result != 0)
        return errno;
    return std::nullopt;
}

/// What the jail's declaration has beside the recipe.
void add_declared(const jail::Declaration& declaration, jail::RenderedRecipe& recipe) {
    const auto add_once = [](std::vector<std::string>& list, const std::string& one) {
        if (std::find(list.begin(), list.end(), one) == list.end())
            list.push_back(one);
    };
    for (const std::string& other : declaration.requires_)
        add_once(recipe.requires_, other);
    for (const std::string& secret : declaration.secrets)
        if (!recipe.services.empty() &&
            std::none_of(recipe.services.begin(), recipe.services.end(), [&](const jail::Service& service) {
                return std::find(service.secrets.begin(), service.secrets.end(), secret) !=
                       service.secrets.end();
            }))
            recipe.services.front().secrets.push_back(secret);
}

jail::RenderedRecipe render(const Context& context, const jail::Recipe& recipe,
                            const std::map<std::string, std::string>& host, const std::string& jail,
                            const std::map<std::string, std::string>& set) {
    jail::RenderContext values;
    values.jail = jail;
    values.prefix = context.config.prefix;
    values.host = host;
    values.set = set;
    jail::RenderedRecipe rendered = jail::render(recipe, values);
    if (!context.config.etc.empty())
        if (const auto declaration =
                jail::find_declaration(jail::declaration_directory(context.config.etc), jail))
            add_declared(*declaration, rendered);
    return rendered;
}

void check_service(const catalog::Jail& jail, const std::optional<jail::RenderedRecipe>& recipe) {
    if (!recipe || recipe->services.empty())
        throw Error(ErrorKind::configuration, jail.name,
                    "the jail has no service, because no recipe was given for it",
                    fmt::format("run its programs with `pkgjail exec {} COMMAND`", jail.name));
}

} // namespace

std::string jail_handle(const catalog::Jail& jail) {
    return "pkgjail-" + jail.id;
}

const jail::Recipe& KnownRecipes::find(const std::string& name) {
    const auto known = known_.find(name);
    if (known != known_.end())
        return known->second;
    return known_.emplace(name, jail::load_recipe(context_.config.recipe_directories, name)).first->second;
}

const std::map<std::string, std::string>& KnownRecipes::host() {
    if (host_.empty())
        host_ = jail::host_values();
    return host_;
}

jail::RenderedRecipe render_recipe(const Context& context, const std::string& recipe, const std::string& jail,
                                   const std::map<std::string, std::string>& set) {
    return render(context, jail::load_recipe(context.config.recipe_directories, recipe), jail::host_values(),
                  jail, set);
}

std::optional<jail::RenderedRecipe> rendered_recipe(const Context& context, const catalog::Jail& jail) {
    KnownRecipes recipes(context);
    return rendered_recipe(context, jail, recipes);
}

std::optional<jail::RenderedRecipe> rendered_recipe(const Context& context, const catalog::Jail& jail,
                                                    KnownRecipes& recipes) {
    if (jail.recipe.empty())
        return std::nullopt;
    const jail::Recipe& written = recipes.find(jail.recipe);
    jail::RenderedRecipe recipe =
        render(context, written, recipes.host(), jail.name, known_settings(written, jail.settings));
    jail::choose_network(recipe, jail.network_choice, jail.name);
    return recipe;
}

std::map<std::string, std::string> known_settings(const jail::Recipe& recipe,
                                                  std::map<std::string, std::string> settings) {
    std::erase_if(settings, [&](const auto& one) { return !recipe.set.contains(one.first); });
    return settings;
}

void tell_lost_settings(const Context& context, const catalog::Jail& jail,
                        const std::optional<jail::RenderedRecipe>& recipe) {
    if (!recipe)
        return;
    for (const auto& [key, value] : jail.settings)
        if (!recipe->set.contains(key))
            context.reporter.warn(
                fmt::format("jail {}: generation {} has {}={}, which is left out, because recipe {} does not "
                            "have {} any more",
                            jail.name, jail.current, key, value, jail.recipe, key));
}

jail::Limits jail_limits(const Context& context, const catalog::Jail& jail,
                         const std::optional<jail::RenderedRecipe>& recipe) {
    jail::Limits limits =
        jail::load_limits(context.config.limit_directories, jail.limits_template, jail::host_terms());
    if (recipe)
        for (const auto& [name, text] : recipe->limit_overrides)
            jail::override_limit(limits, {name, text, {"recipe " + recipe->name, 0, name}},
                                 jail::host_terms(), "recipe " + recipe->name);
    for (const auto& [name, text] : jail.limit_overrides)
        jail::override_limit(limits, {name, text, {"jail " + jail.name, 0, name}}, jail::host_terms(),
                             "operator");
    return limits;
}

std::map<std::string, std::string> jail_environment(const std::string& prefix, const std::string& home) {
    return {{"PATH", fmt::format("{0}/sbin:{0}/bin:/sbin:/bin:/usr/sbin:/usr/bin", prefix)},
            {"HOME", home},
            {"LC_ALL", "C.UTF-8"}};
}

confine::JailSpec jail_spec(const Context& context, const catalog::Jail& jail, const std::string& image_id,
                            const std::optional<jail::RenderedRecipe>& recipe) {
    confine::JailSpec spec;
    spec.handle = jail_handle(jail);
    spec.jail = jail.name;
    spec.root = context.layout.jail_root(jail.id);
    store::RootParts parts;
    parts.tree = context.layout.image_tree(image_id);
    parts.config = context.layout.jail_config(jail.id, jail.current);
    parts.data = context.layout.jail_data(jail.id);
    if (recipe)
        parts.data_paths = recipe->data_paths;
    spec.mounts =
        store::root_mounts(store::configured_base(context.config.base), context.config.prefix, parts);
    add_mounts(context, jail, spec);
    add_secrets(context, jail, recipe, spec);
    spec.storage = context.layout.jail(jail.id);
    spec.environment = jail_environment(context.config.prefix, "/");
    spec.limits = jail_limits(context, jail, recipe);
    spec.profile = jail::find_profile(jail.profile).value_or(jail::Profile::high);
    if (recipe) {
        spec.network = recipe->network;
        spec.claims = recipe->claims;
        spec.private_network = private_network(context, jail, recipe);
    }
    return spec;
}

supervise::SupervisedService supervised_service(const Context& context, const catalog::Jail& jail,
                                                const std::string& image_id,
                                                const std::optional<jail::RenderedRecipe>& recipe) {
    check_service(jail, recipe);
    const jail::Service& service = recipe->services.front();
    supervise::SupervisedService supervised;
    supervised.spec = jail_spec(context, jail, image_id, recipe);
    supervised.spec.command = service.command;
    supervised.spec.working_directory = service.working_directory;
    for (const auto& [name, value] : service.environment)
        supervised.spec.environment[name] = value;
    supervised.spec.identity = store::find_identity(
        Tree::open(context.layout.jail_config(jail.id, jail.current)), service.user, service.group);
    supervised.service = service;
    supervised.spec.holds = !service.pid_file.empty();
    supervised.health = recipe->health;
    for (std::size_t i = 1; i < recipe->services.size(); ++i) {
        supervise::FurtherServiceSpec further;
        further.service = recipe->services[i];
        further.identity = store::find_identity(Tree::open(context.layout.jail_config(jail.id, jail.current)),
                                                further.service.user, further.service.group);
        further.environment = jail_environment(context.config.prefix, "/");
        for (const auto& [name, value] : further.service.environment)
            further.environment[name] = value;
        supervised.further.push_back(std::move(further));
    }
    supervised.state_directory = context.layout.state();
    supervised.runtime = context.config.runtime;
    supervised.log_file = context.layout.log(jail.name);
    supervised.log_max_bytes = context.config.log_max_bytes;
    supervised.log_files = context.config.log_files;
    supervised.syslog_facility = context.config.syslog_facility;
    supervised.notify = context.config.notify;
    return supervised;
}

std::vector<std::string> addresses(const std::optional<jail::RenderedRecipe>& recipe,
                                   const std::string& address) {
    std::vector<std::string> result;
    if (!recipe || recipe->network == jail::NetworkMode::none)
        return result;
    const bool has_own = recipe->network == jail::NetworkMode::private_;
    if (recipe->health.probe && recipe->health.probe->kind == jail::Probe::Kind::http) {
        const auto target = jail::parse_http_target(recipe->health.probe->target);
        if (!has_own || !target)
            result.push_back(recipe->health.probe->target);
        else if (!address.empty())
            result.push_back(fmt::format("http://{}:{}{}", address, target->endpoint.port, target->path));
    } else {
        for (jail::PortClaim claim : recipe->claims) {
            if (has_own)
                claim.address = address;
            result.push_back(claim.str());
        }
    }
    for (const jail::PublishedPort& port : recipe->publish)
        result.push_back(jail::PortClaim{port.protocol, port.address, port.host_port}.str());
    return result;
}

void require_service(const Context& context, const catalog::Jail& jail) {
    check_service(jail, rendered_recipe(context, jail));
}

void check_claims(catalog::Catalog& catalog, const catalog::Jail& jail) {
    for (const catalog::PortClaimRow& claim : jail.claims)
        for (const std::string& other : catalog::Jails(catalog).claimants(claim))
            if (other != jail.name)
                throw Error(ErrorKind::conflict, fmt::format("port {}:{}", claim.protocol, claim.port),
                            fmt::format("is claimed by jail {} already", other),
                            fmt::format("choose another one, for example --set port={}", claim.port + 1));
}

void check_ports_free(const catalog::Jail& jail) {
    for (const catalog::PortClaimRow& claim : jail.claims)
        for (const int family : {AF_INET, AF_INET6})
            if (const auto error = bind_error(claim, family); error == EADDRINUSE)
                throw Error(
                    ErrorKind::conflict,
                    fmt::format("port {}:{}{}", claim.protocol,
                                claim.address.empty() ? "" : claim.address + ":", claim.port),
                    "is in use by another program of this host",
                    fmt::format("stop that program, or choose another port: with --set for a new jail, in "
                                "jails.d/{}.jail and with pkgjail apply for one that is there",
                                jail.name));
}

} // namespace pkgjail::ops
