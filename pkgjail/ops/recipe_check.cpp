// recipe check: what reading a recipe does not show. Each question is asked where its answer is known:
// packages of the index, accounts and programs of an image that has the packages.
#include <algorithm>
#include <cerrno>
#include <set>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/jail/address.hpp"
#include "pkgjail/jail/config_text.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/search.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/recipes.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/accounts.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

class Check {
  public:
    Check(const Context& context, const jail::Recipe& recipe, CheckedRecipe& result)
        : context_(context), recipe_(recipe), result_(result), catalog_(open_for_reading(context)) {
        jail::RenderContext values;
        values.jail = recipe.name;
        values.prefix = context.config.prefix;
        values.host = jail::host_values();
        rendered_ = jail::render(recipe, values);
        prepare_ = jail::render_preparation(recipe, values);
        read_texts();
    }

    void run() {
        limits();
        unused_values();
        ports();
        packages();
        if (const auto image = image_with_packages()) {
            users(Tree::open(context_.layout.image_seed(*image) / "config"));
            programs(Tree::open(context_.layout.image_tree(*image)));
        } else if (!rendered_.packages.empty()) {
            note_unchecked();
        }
    }

  private:
    void find(const std::string& where, std::string cause, std::string hint = {}) {
        result_.findings.push_back({where, std::move(cause), std::move(hint)});
    }

    /// Everything that may use a value, as written.
    void read_texts() {
        for (const jail::Section& section : recipe_.sections) {
            if (section.kind == "set")
                continue;
            texts_.push_back(section.name);
            for (const jail::Setting& setting : section.settings)
                if (setting.key != "claim")
                    texts_.push_back(setting.value);
        }
        for (const jail::RecipeFile& file : recipe_.files)
            texts_.push_back(file.content);
    }
    bool is_mentioned(const std::string& text) const {
        return std::any_of(texts_.begin(), texts_.end(),
                           [&](const std::string& one) { return one.find(text) != std::string::npos; });
    }

    const jail::Setting* setting(std::string_view section, std::string_view key, std::size_t nth = 0) const {
        for (const jail::Section& one : recipe_.sections)
            if (one.kind == section)
                for (const jail::Setting& setting : one.settings)
                    if (setting.key == key && nth-- == 0)
                        return &setting;
        return nullptr;
    }
    std::string place(std::string_view section, std::string_view key, std::size_t nth = 0) const {
        const jail::Setting* const found = setting(section, key, nth);
        return found == nullptr ? recipe_.file.string() : found->where.str();
    }

    void limits() {
        try {
            jail::load_limits(context_.config.limit_directories, rendered_.limits, jail::host_terms());
        } catch (const Error& error) {
            find(place("recipe", "limits"),
                 error.kind() == ErrorKind::not_found
                     ? fmt::format(
                           "found \"{}\", allowed: {}", rendered_.limits,
                           jail::enumerate(jail::list_named(context_.config.limit_directories, ".limits")))
                     : error.what(),
                 error.hint());
        }
    }

    void unused_values() {
        for (const jail::Section& section : recipe_.sections)
            if (section.kind == "set")
                for (const jail::Setting& setting : section.settings)
                    if (!is_mentioned("${" + setting.key + "}") && !is_claimed("${" + setting.key + "}"))
                        find(setting.where.str(), "found a value that nothing uses",
                             fmt::format("write ${{{}}} where it belongs, or leave it out", setting.key));
    }

    bool is_claimed(const std::string& text) const {
        for (std::size_t nth = 0; const jail::Setting* claim = setting("network", "claim", nth); ++nth)
            if (claim->value.find(text) != std::string::npos)
                return true;
        return false;
    }
    bool claims(const std::string& protocol, std::uint16_t port) const {
        return std::any_of(
            rendered_.claims.begin(), rendered_.claims.end(),
            [&](const jail::PortClaim& claim) { return claim.protocol == protocol && claim.port == port; });
    }

    void ports() {
        if (rendered_.network == jail::NetworkMode::none)
            return;
        for (const jail::Service& service : rendered_.services) {
            if (!service.health.probe)
                continue;
            std::optional<jail::Endpoint> asked;
            const char* key = "tcp";
            if (service.health.probe->kind == jail::Probe::Kind::tcp) {
                asked = jail::parse_endpoint(service.health.probe->target);
            } else if (service.health.probe->kind == jail::Probe::Kind::http) {
                key = "http";
                if (const auto target = jail::parse_http_target(service.health.probe->target))
                    asked = target->endpoint;
            }
            if (asked && !claims("tcp", asked->port))
                find(place("health", key), fmt::format("found port {}, which is not claimed", asked->port),
                     fmt::format("claim = tcp:{} in [network]; a jail can listen on no other ports",
                                 asked->port));
        }
        if (const jail::Setting* const port = setting("set", "port"); port && !is_claimed("${port}"))
            find(port->where.str(), "found a port that is not claimed",
                 "claim = tcp:${port} in [network]; a jail can listen on no other ports");
        for (std::size_t nth = 0; const jail::Setting* claim = setting("network", "claim", nth); ++nth) {
            const std::size_t colon = claim->value.rfind(':');
            if (colon == std::string::npos)
                continue; // the whole claim is given by the operator, as the command then is
            const std::string port = claim->value.substr(colon + 1);
            if (!port.empty() && !is_mentioned(port))
                find(claim->where.str(),
                     fmt::format("found port {}, which neither a command nor a file of the recipe mentions",
                                 port),
                     "tell the program to listen there, or leave the claim out");
        }
    }

    void packages() {
        if (rendered_.packages.empty())
            return;
        std::vector<std::string> bases;
        if (catalog_)
            bases = catalog::Packages(*catalog_).all_bases();
        if (bases.empty()) {
            result_.notes.push_back("packages were not looked for: there is no index (pkgjail update)");
            return;
        }
        std::size_t nth = 0;
        for (const std::string& text : rendered_.packages) {
            while (setting("recipe", "package", nth) && setting("recipe", "package", nth)->value == "*")
                ++nth;
            const std::string where = place("recipe", "package", nth++);
            try {
                if (!is_on_offer(format::Pattern::parse(text)))
                    find(where, fmt::format("found \"{}\", which no repository has", text),
                         jail::did_you_mean(text, bases));
            } catch (const Error& error) {
                find(where, fmt::format("found \"{}\", allowed: a pattern: {}", text, error.cause()));
            }
        }
    }
    bool is_on_offer(const format::Pattern& pattern) {
        catalog::Packages packages(*catalog_);
        if (const auto bases = pattern.bases()) {
            for (const std::string& base : *bases)
                for (const catalog::AvailablePackage& offer : packages.by_base(base))
                    if (pattern.selects(offer.record.pkgname))
                        return true;
            return false;
        }
        const auto names = packages.all_names();
        return std::any_of(names.begin(), names.end(),
                           [&](const auto& name) { return pattern.selects(name.first); });
    }

    /// The newest image with all packages of the recipe.
    std::optional<std::string> image_with_packages() {
        if (!catalog_ || rendered_.packages.empty())
            return std::nullopt;
        std::vector<format::Pattern> patterns;
        for (const std::string& text : rendered_.packages)
            patterns.push_back(format::Pattern::parse(text));
        std::vector<catalog::Image> images = catalog::Images(*catalog_).all();
        std::reverse(images.begin(), images.end());
        for (const catalog::Image& image : images)
            if (image.prefix == context_.config.prefix &&
                std::all_of(patterns.begin(), patterns.end(), [&](const format::Pattern& pattern) {
                    return std::any_of(image.packages.begin(), image.packages.end(),
                                       [&](const catalog::ImagePackage& package) {
                                           return pattern.selects(package.pkgname);
                                       });
                }))
                return image.id;
        return std::nullopt;
    }

    struct NamedAccount {
        std::string where;
        std::string name;
        bool is_group = false;
    };
    std::vector<NamedAccount> accounts() const {
        std::vector<NamedAccount> all;
        const auto add = [&](const std::string& where, const std::string& name, bool is_group) {
            if (!name.empty() && name.find_first_not_of("0123456789") != std::string::npos &&
                !store::platform_account_number(is_group, name))
                all.push_back({where, name, is_group});
        };
        std::size_t nth = 0;
        for (const jail::Section& section : recipe_.sections) {
            const auto at = [&](std::string_view key) {
                for (const jail::Setting& setting : section.settings)
                    if (setting.key == key)
                        return setting.where.str();
                return section.where.str();
            };
            if (section.kind == "service") {
                const jail::Service& service = rendered_.services.at(nth++);
                add(at("user"), service.user, false);
                add(at("group"), service.group, true);
            } else if (section.kind == "prepare" && prepare_) {
                add(at("user"), prepare_->user, false);
                add(at("group"), prepare_->group, true);
            }
        }
        std::size_t file = 0;
        for (const jail::Section& section : recipe_.sections)
            if (section.kind == "file") {
                const jail::RenderedRecipe::File& one = rendered_.files.at(file++);
                add(section.where.str() + " owner", one.owner, false);
                add(section.where.str() + " group", one.group, true);
            }
        return all;
    }

    void users(const Tree& config) {
        const auto users = store::account_numbers_in(config, false);
        const auto groups = store::account_numbers_in(config, true);
        for (const NamedAccount& account : accounts())
            if (!(account.is_group ? groups : users).contains(account.name))
                find(account.where, fmt::format("found {} \"{}\", which no package of the recipe makes",
                                                account.is_group ? "group" : "user", account.name));
    }

    void programs(const Tree& tree) {
        const RootPath prefix = RootPath::parse(context_.config.prefix);
        const auto look = [&](const std::string& where, const std::vector<std::string>& command) {
            if (command.empty())
                return;
            const RootPath program = RootPath::parse(command.front());
            if (program.is_within(prefix) && program != prefix && !program.is_within(prefix / "etc") &&
                !tree.exists(program.below(prefix)))
                find(where,
                     fmt::format("found the program {}, which no package of the recipe has", program.str()));
        };
        std::size_t nth = 0;
        for (const jail::Service& service : rendered_.services)
            look(place("service", "command", nth++), service.command);
        if (prepare_)
            look(place("prepare", "command"), prepare_->command);
        for (const jail::Service& service : rendered_.services)
            if (service.health.probe)
                look(place("health", "command"), service.health.probe->command);
        look(place("data", "pre-snapshot"), rendered_.snapshot.before);
        look(place("data", "post-snapshot"), rendered_.snapshot.after);
    }

    void note_unchecked() {
        std::set<std::string> names;
        for (const NamedAccount& account : accounts())
            names.insert(account.name);
        result_.notes.push_back(
            fmt::format("programs{} were not looked for: no image has {}",
                        names.empty() ? "" : fmt::format(" and accounts ({})", fmt::join(names, ", ")),
                        jail::enumerate(rendered_.packages)));
    }

    const Context& context_;
    const jail::Recipe& recipe_;
    CheckedRecipe& result_;
    std::optional<catalog::Catalog> catalog_;
    jail::RenderedRecipe rendered_;
    std::optional<jail::Preparation> prepare_;
    std::vector<std::string> texts_;
};

base::HostPath file_of(const Context& context, const std::string& name_or_file) {
    if (name_or_file.find('/') != std::string::npos || name_or_file.ends_with(".recipe"))
        return name_or_file;
    if (const auto file = jail::find_named(context.config.recipe_directories, name_or_file, ".recipe"))
        return *file;
    const auto names = jail::list_recipes(context.config.recipe_directories);
    throw Error(ErrorKind::not_found, name_or_file,
                jail::no_such("recipe", names, context.config.recipe_directories),
                jail::did_you_mean(name_or_file, names));
}

} // namespace

CheckedRecipe check_recipe(const Context& context, const std::string& name_or_file) {
    CheckedRecipe result;
    result.file = file_of(context, name_or_file);
    result.name = result.file.stem().string();
    if (!jail::is_valid_name(result.name)) {
        const Error misnamed = jail::misnamed(result.file, ".recipe");
        result.findings.push_back({misnamed.object(), misnamed.cause(), misnamed.hint()});
    }
    try {
        const std::optional<std::string> text = jail::read_configuration(result.file);
        if (!text)
            throw base::system_error(ENOENT, result.file.string(), "open");
        const jail::Recipe recipe = jail::parse_recipe(*text, result.file, result.file.parent_path());
        Check(context, recipe, result).run();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::configuration && error.kind() != ErrorKind::usage)
            throw;
        result.findings.push_back({error.object(), error.cause(), error.hint()});
    }
    return result;
}

} // namespace pkgjail::ops
