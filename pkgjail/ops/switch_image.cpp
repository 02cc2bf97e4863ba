#include "pkgjail/ops/switch_image.hpp"

#include <nlohmann/json.hpp>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/store/jail_files.hpp"

namespace pkgjail::ops {

void record_image(catalog::Catalog& catalog, const MadeImage& made) {
    if (!made.reused)
        catalog::Images(catalog).add(made.image, made.manifest);
}

catalog::Generation generation_of(const Context& context, const std::string& image_id,
                                  std::vector<std::string> wishes) {
    catalog::Generation generation;
    generation.image_id = image_id;
    generation.wishes = std::move(wishes);
    generation.created_at = base::to_unix(base::wall_now());
    generation.command = context.command_line;
    generation.outcome = "done";
    return generation;
}

std::string record_of(const catalog::Jail& jail, const catalog::Generation& generation) {
    const nlohmann::ordered_json record = {{"schema", "pkgjail.jail/1"},
                                           {"id", jail.id},
                                           {"name", jail.name},
                                           {"recipe", jail.recipe},
                                           {"profile", jail.profile},
                                           {"network", jail.network},
                                           {"limits", jail.limits_template},
                                           {"limit_overrides", jail.limit_overrides},
                                           {"settings", jail.settings},
                                           {"created_at", jail.created_at},
                                           {"image", generation.image_id},
                                           {"wishes", generation.wishes}};
    return record.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

catalog::Jail switch_image(Session& session, catalog::Jail jail, const MadeImage& made,
                           std::vector<std::string> wishes) {
    const Context& context = session.context();
    catalog::Jails jails(session.catalog());
    jails.set_operation(jail.id, "switch");
    base::step("switch.noted");
    stop_jail(session, jail);
    base::step("switch.stopped");
    const std::vector<catalog::Generation> before = jails.generations(jail.id);
    std::int64_t next = jail.current;
    for (const catalog::Generation& generation : before)
        next = std::max(next, generation.number);
    ++next;
    store::extend_generation(context.layout, jail.id, jail.current, next, made.image.id);
    base::step("switch.seeded");

    const catalog::Generation generation = generation_of(context, made.image.id, std::move(wishes));
    catalog::Transaction transaction(session.catalog().database());
    record_image(session.catalog(), made);
    jail.current = jails.add_generation(jail.id, generation);
    // Until the caller has started it: a command killed in between must not leave the service down.
    jails.set_operation(jail.id, "start");
    transaction.commit();
    base::step("switch.committed");
    base::write_file_atomically(context.layout.jail_record(jail.id), record_of(jail, generation));
    return jail;
}

} // namespace pkgjail::ops
