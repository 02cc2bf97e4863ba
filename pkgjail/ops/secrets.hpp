// `pkgjail secret`: files for the eyes of one jail's service.
//
// What is set lies in the state directory, by jail (store/secret_files.hpp), and nowhere in the catalog; what
// is needed stands in recipe and declaration. A jail gets what is set when it starts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/session.hpp"

namespace pkgjail::ops {

struct SecretView {
    std::string name;
    std::string service; ///< that needs it; empty: none, then it is the first one's
    bool set = false;
    std::int64_t set_at = 0;
    std::uint64_t bytes = 0;
};

/// Name to value.
using SecretValues = std::map<std::string, std::string>;
/// Reads the files. Error{usage} for a name that can be none, an empty file or one that is too large. What
/// stands in the place of a file's name is never repeated: it may be the secret itself.
SecretValues read_secret_files(const std::map<std::string, base::HostPath>& files);
void check_secret(const std::string& name, std::string_view value);
/// Error{usage} that says how large one may be.
base::Error secret_too_large(const std::string& name);

/// What the jail needs and what is set, by name.
std::vector<SecretView> secrets(const Context& context, const std::string& jail);
/// The names that the recipe needs (those of the declaration are in it) and that are not among `given` or
/// set.
std::vector<std::string> missing_secrets(const Context& context, const std::string& jail_id,
                                         const std::optional<jail::RenderedRecipe>& recipe,
                                         const SecretValues& given = {});
/// Error{configuration} naming them, before something is started that would lack them.
void require_secrets(const Context& context, const catalog::Jail& jail,
                     const std::optional<jail::RenderedRecipe>& recipe);
base::Error secrets_error(const std::string& jail, const std::vector<std::string>& missing);
/// While there is no jail that `secret set` could give one. `way`: how it is made without being started.
base::Error secrets_error_before(const std::string& jail, const std::vector<std::string>& missing,
                                 std::string_view way);

struct SecretResult {
    std::string jail;
    bool changed = false;
    enum class Takes { nothing, reload, restart };
    Takes takes = Takes::nothing; ///< until what runs has it, or has it no more
    bool in_place = false;        ///< what runs was started with a value of this name
};
SecretResult set_secret(const Context& context, const std::string& jail, const std::string& name,
                        std::string_view value);
/// Error{conflict} while recipe or declaration need it.
SecretResult remove_secret(const Context& context, const std::string& jail, const std::string& name);

/// Adds what is set to the description, each with its owner inside.
void add_secrets(const Context& context, const catalog::Jail& jail,
                 const std::optional<jail::RenderedRecipe>& recipe, confine::JailSpec& spec);

} // namespace pkgjail::ops
