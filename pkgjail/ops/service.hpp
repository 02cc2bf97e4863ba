// From what the catalog, the recipe and the templates say of a jail to the description that the supervisor
// carries out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/supervise/supervisor.hpp"

namespace pkgjail::ops {

/// The jail's recipe with its settings put in; nullopt for a jail without one. Read from the recipe
/// directories each time, so that an edited recipe takes effect at the next start. What it does not have any
/// more is left out of the settings: whoever goes back has those of then.
std::optional<jail::RenderedRecipe> rendered_recipe(const Context& context, const catalog::Jail& jail);
/// Recipes by their names, each read once: for one look at many jails.
class KnownRecipes {
  public:
    explicit KnownRecipes(const Context& context) : context_(context) {}
    /// What jail::load_recipe throws.
    const jail::Recipe& find(const std::string& name);
    /// What recipes may name of the host, asked once.
    const std::map<std::string, std::string>& host();

  private:
    const Context& context_;
    std::map<std::string, jail::Recipe> known_;
    std::map<std::string, std::string> host_;
};
std::optional<jail::RenderedRecipe> rendered_recipe(const Context& context, const catalog::Jail& jail,
                                                    KnownRecipes& recipes);
/// What of `settings` the recipe has.
std::map<std::string, std::string> known_settings(const jail::Recipe& recipe,
                                                  std::map<std::string, std::string> settings);
/// Warns of each setting of the jail's that is left out. By whoever starts it, or goes back without.
void tell_lost_settings(const Context& context, const catalog::Jail& jail,
                        const std::optional<jail::RenderedRecipe>& recipe);
/// Before there is a jail: the same from its parts, and every value has to be one of the recipe's. What the
/// jail's declaration (jails.d) requires is required as well, and its secrets are the first service's.
jail::RenderedRecipe render_recipe(const Context& context, const std::string& recipe, const std::string& jail,
                                   const std::map<std::string, std::string>& set);

/// Template, then the recipe's own limits, then the operator's.
jail::Limits jail_limits(const Context& context, const catalog::Jail& jail,
                         const std::optional<jail::RenderedRecipe>& recipe);

/// What the kernel calls the jail.
std::string jail_handle(const catalog::Jail& jail);

/// Root, mounts, limits, profile, network of the jail; command and identity are the caller's to add.
confine::JailSpec jail_spec(const Context& context, const catalog::Jail& jail, const std::string& image_id,
                            const std::optional<jail::RenderedRecipe>& recipe);

/// Everything that the supervisor needs. Error{configuration} for a jail without a service.
supervise::SupervisedService supervised_service(const Context& context, const catalog::Jail& jail,
                                                const std::string& image_id,
                                                const std::optional<jail::RenderedRecipe>& recipe);

/// Throws Error{configuration} for a jail without a service, before anything is changed.
void require_service(const Context& context, const catalog::Jail& jail);

/// A clean environment for processes of the jail.
std::map<std::string, std::string> jail_environment(const std::string& prefix, const std::string& home);

/// "http://127.0.0.1:8080/" for an http probe, "tcp:6379" for a claimed port. With a private network, whose
/// address is `address`, what the host sees: "http://10.77.0.2:8080/", "tcp:10.77.0.2:6379", and "tcp:80" for
/// a published port. None without a network.
std::vector<std::string> addresses(const std::optional<jail::RenderedRecipe>& recipe,
                                   const std::string& address);

/// Throws Error{conflict} naming port and jail where another jail claims a port of this one's.
void check_claims(catalog::Catalog& catalog, const catalog::Jail& jail);
/// Throws Error{conflict} naming the port where another program of this host has it bound already.
void check_ports_free(const catalog::Jail& jail);

} // namespace pkgjail::ops
