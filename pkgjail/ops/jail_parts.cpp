#include "pkgjail/ops/jail_parts.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/core.h>

#include "pkgjail/base/shell_word.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/ops/prepare.hpp"
#include "pkgjail/ops/service.hpp"

namespace pkgjail::ops {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

bool is_there(const base::HostPath& path) {
    std::error_code error; // whatever it is, a start would fail by it
    return fs::is_directory(path, error);
}

/// What a shell takes as one word.
std::string as_word(const std::string& wish) {
    const bool is_plain = std::all_of(wish.begin(), wish.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '+';
    });
    return is_plain ? wish : base::shell_word(wish);
}

std::string remedy_of_lost_image(const Context& context, const catalog::Jail& jail,
                                 const catalog::Generation& generation) {
    std::string remedy = "bring it back from a backup";
    if (generation.wishes.empty())
        return remedy;
    remedy += ", or: pkgjail install";
    for (const std::string& wish : generation.wishes)
        remedy += " " + as_word(wish);
    remedy += fmt::format(" -j {} builds it again", jail.name);
    const base::HostPath left = context.layout.image(generation.image_id);
    if (is_there(left))
        remedy += fmt::format(", when what is left of it, {}, is moved away", left.string());
    return remedy;
}

} // namespace

std::optional<Error> missing_part(const Context& context, catalog::Catalog& catalog,
                                  const catalog::Jail& jail) {
    const auto missing = [&](const std::string& cause, const std::string& hint) {
        return Error(ErrorKind::corrupt, jail.name, cause, hint);
    };
    const auto detach = [&](const std::string& path) {
        return fmt::format("or: pkgjail volume detach {} {}", jail.name, path);
    };
    const auto generation = catalog::Jails(catalog).generation(jail.id, jail.current);
    if (!generation)
        return missing("the catalog has no current generation for it", "pkgjail catalog rebuild");
    if (!is_there(context.layout.image_tree(generation->image_id)))
        return missing(fmt::format("its image {} is not on disk", generation->image_id.substr(0, 12)),
                       remedy_of_lost_image(context, jail, *generation));
    if (!is_there(context.layout.jail_config(jail.id, jail.current)))
        return missing(
            fmt::format("its configuration of generation {} is not on disk", jail.current),
            fmt::format("bring it back from a backup, or: pkgjail destroy {}, and install it again",
                        jail.name));
    for (const catalog::VolumeUseRow& use : jail.volumes)
        if (!is_there(context.layout.volume_data(use.volume_id)))
            return missing(fmt::format("its volume at {} is not on disk", use.path),
                           "bring it back from a backup, " + detach(use.path));
    for (const catalog::HostMountRow& row : jail.mounts) {
        std::error_code error;
        if (!fs::exists(fs::symlink_status(row.source, error)))
            return missing(fmt::format("{}, which is mounted at {}, is not there", row.source, row.path),
                           "bring it back, " + detach(row.path));
    }
    return std::nullopt;
}

void require_parts(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    const auto not_stopped = [](const Error& error) {
        return Error(error.kind(), error.object(),
                     error.cause() + "; it could not be started again, so nothing was stopped", error.hint());
    };
    if (const auto missing = missing_part(context, session.catalog(), jail))
        throw not_stopped(*missing);
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    const auto recipe = rendered_recipe(context, jail);
    try {
        require_prepared_data(context, jail,
                              supervised_service(context, jail, generation->image_id, recipe).spec);
    } catch (const Error& error) {
        throw not_stopped(error);
    }
}

} // namespace pkgjail::ops
