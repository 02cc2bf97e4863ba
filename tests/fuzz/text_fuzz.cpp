// The operator's own files, records beside the catalog, what services write, and what supervisors are told.
#include "fuzz/fuzz.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/jail/sailor.hpp"
#include "pkgjail/ops/export_description.hpp"
#include "pkgjail/ops/lock_file.hpp"
#include "pkgjail/ops/records.hpp"
#include "pkgjail/supervise/announcement.hpp"
#include "pkgjail/supervise/log_record.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::fuzz {

void recipe(std::string_view bytes) {
    accepted([&] {
        const jail::Recipe recipe = jail::parse_recipe(bytes, "/nonexistent/x.recipe", "/nonexistent");
        jail::RenderContext context;
        context.jail = "web";
        context.host = {{"name", "host"}, {"memory", "1073741824"}, {"cpus", "2"}};
        jail::render(recipe, context);
    });
}

void configuration(std::string_view bytes) {
    const unsigned which = (next_byte(bytes) - '0') % 5;
    if (which == 0)
        accepted([&] { jail::parse_repositories(bytes, "repositories.conf"); });
    if (which == 1)
        accepted([&] {
            const auto declared = jail::parse_declaration(bytes, "/nonexistent/web.jail");
            const std::string text = jail::declaration_text(declared);
            const auto again = jail::parse_declaration(text, "/nonexistent/web.jail");
            promise(jail::declaration_text(again) == text, "a declaration written down is read as it was");
        });
    if (which == 2)
        for (const jail::LimitKind kind : jail::all_limit_kinds)
            accepted([&] {
                const auto value = jail::parse_limit(kind, bytes, {1ull << 30, 2}, {"x", 1});
                if (value)
                    promise(!jail::format_limit(kind, *value).empty(), "a limit can be shown");
            });
    if (which == 3) {
        accepted([&] { jail::parse_duration(std::string(bytes)); });
        accepted([&] {
            const jail::SailorShip ship = jail::read_sailor(bytes, "ship.conf");
            for (const std::string& package : ship.packages)
                promise(package.find('/') == std::string::npos, "a ship's package is a name");
        });
    }
    if (which == 4)
        accepted([&] {
            jail::Config config;
            jail::parse_config(bytes, "pkgjail.conf", config);
            promise(jail::is_possible_prefix(base::RootPath::parse(config.prefix)),
                    "a prefix is a directory of its own");
        });
}

void records(std::string_view bytes) {
    const unsigned which = (next_byte(bytes) - '0') % 7;
    switch (which) {
    case 0:
        accepted([&] { ops::parse_jail_record(bytes, "jail.json"); });
        break;
    case 1:
        accepted([&] { ops::parse_snapshot_record(bytes, "snapshot.json"); });
        break;
    case 2:
        accepted([&] { ops::parse_image_record(bytes, "image.json"); });
        break;
    case 3:
        accepted([&] {
            const jail::Manifest manifest = jail::Manifest::parse(bytes);
            promise(manifest.text() == bytes, "a manifest has one form only");
        });
        break;
    case 4:
        accepted([&] {
            const ops::LockFile lock = ops::parse_lock(bytes, "lock");
            promise(ops::lock_text(ops::parse_lock(ops::lock_text(lock), "lock")) == ops::lock_text(lock),
                    "a lock written down is read as it was");
        });
        break;
    case 5:
        accepted([&] {
            const auto recorded = supervise::status_from_json(bytes);
            const std::string text = supervise::to_json(recorded);
            promise(supervise::to_json(supervise::status_from_json(text)) == text,
                    "a state written down is read as it was");
        });
        break;
    default:
        accepted([&] {
            const std::string text(bytes);
            const ops::ExportDescription description = ops::parse_description(text, "export");
            promise(base::printable(description.jail.name) == description.jail.name,
                    "a description's names are printable");
        });
    }
}

std::vector<std::string> record_seeds() {
    catalog::Jail jail;
    jail.id = "0123456789abcdef";
    jail.name = "web";
    jail.recipe = "nginx";
    jail.profile = "high";
    jail.network = "host";
    jail.settings = {{"port", "8080"}};
    jail.claims = {{"tcp", "", 8080}};
    jail.limit_overrides = {{"memory", "256M"}};
    jail.current = 1;
    catalog::Generation generation;
    generation.number = 1;
    generation.image_id = std::string(64, 'a');
    generation.wishes = {"nginx"};
    generation.command = "install nginx";
    catalog::Snapshot snapshot;
    snapshot.id = "fedcba9876543210";
    snapshot.name = "before";
    snapshot.image_id = generation.image_id;
    snapshot.generation = 1;
    catalog::Image image;
    image.build_key = std::string(64, 'b');
    image.prefix = "/usr/pkg";
    image.packages.emplace_back().pkgname = "nginx-1.26.1";
    ops::LockFile lock;
    lock.jail = "web";
    lock.prefix = "/usr/pkg";
    lock.packages.emplace_back().pkgname = "nginx-1.26.1";
    lock.packages.back().sha256 = std::string(64, 'c');
    supervise::RecordedStatus status;
    status.boot = "boot";
    status.status.further.emplace_back().name = "second";
    status.status.limits.emplace_back();
    ops::ExportDescription description;
    description.version = "0.1.0";
    description.snapshot = snapshot.name;
    description.jail = jail;
    description.generation = generation;
    description.image = image;
    description.image.id = generation.image_id;
    description.image.packages.back().archive_sha256 = std::string(64, 'c');
    description.members = 12;
    description.bytes = 3456;
    return {"0" + ops::record_of(jail, generation),
            "1" + ops::record_of(snapshot, jail),
            "2" + ops::record_of(image, {}),
            "4" + ops::lock_text(lock),
            "6" + ops::text_of(description, ops::record_of(jail, generation),
                               ops::record_of(description.image, {})),
            "5" + supervise::to_json(status)};
}

void control(std::string_view bytes) {
    accepted([&] { supervise::parse_announcement(bytes); });
}

void text(std::string_view bytes) {
    std::string shown;
    promise(accepted([&] { shown = base::printable(bytes); }), "any text can be shown");
    promise(shown.size() <= 8 * bytes.size(), "printable text has its bound");
    for (const char c : shown)
        promise(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control character is shown");
    promise(base::printable(shown).size() >= shown.size(), "what is shown can be shown again");
    base::display_width(shown);
    if (const auto record = supervise::parse_log_line(bytes)) {
        const std::string line = supervise::format_log_line(*record);
        promise(line.find('\n') == std::string::npos, "a record is one line");
        const auto again = supervise::parse_log_line(line);
        promise(again && supervise::format_log_line(*again) == line,
                "a record written down is read as it was");
    }
    supervise::LogRecord forged;
    forged.stream = "out";
    forged.text = bytes;
    promise(supervise::format_log_line(forged).find('\n') == std::string::npos,
            "no text makes two records of one");
}

} // namespace pkgjail::fuzz
