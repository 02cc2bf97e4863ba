#include "pkgjail/ops/records.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/whole_json.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* snapshot_schema = "pkgjail.snapshot/1";

// Comments, paths and names are bytes of strangers; what is no UTF-8 becomes a replacement character here.
std::string text_of(const Json& record) {
    return record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Reads one record of this schema; whatever is missing or of another type is Error{corrupt}.
template <class Read>
auto parse(std::string_view text, const std::string& name, std::string_view schema, Read&& read) {
    try {
        const Json record = base::parse_whole_json<Json>(text);
        const std::string found = record.at("schema");
        if (found != schema)
            throw Error(ErrorKind::corrupt, name,
                        fmt::format("is a \"{}\", and a \"{}\" is needed", found, schema));
        return read(record);
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorKind::corrupt, name, fmt::format("cannot be understood: {}", error.what()));
    }
}

Json json_of(const catalog::Generation& generation) {
    Json json = {{"number", generation.number},         {"image", generation.image_id},
                 {"wishes", generation.wishes},         {"settings", generation.settings},
                 {"created_at", generation.created_at}, {"command", generation.command},
                 {"reason", generation.reason},         {"outcome", generation.outcome}};
    if (const auto& merge = generation.merge)
        json["merge"] = {{"added", merge->added},
                         {"replaced", merge->replaced},
                         {"removed", merge->removed},
                         {"kept", merge->kept},
                         {"merged", merge->merged}};
    Json conflicts = Json::array();
    for (const catalog::ConfigConflict& conflict : generation.conflicts)
        conflicts.push_back(
            {{"path", conflict.path}, {"what", conflict.what}, {"decision", conflict.decision}});
    json["conflicts"] = conflicts;
    return json;
}

using Settings = std::map<std::string, std::string>;

/// `older`: what stands for the settings in a record that has none.
Settings settings_from(const Json& json, const Settings& older) {
    return json.contains("settings") ? json.at("settings").get<Settings>() : older;
}

catalog::Generation generation_from(const Json& json, const Settings& older) {
    catalog::Generation generation;
    json.at("number").get_to(generation.number);
    json.at("image").get_to(generation.image_id);
    json.at("wishes").get_to(generation.wishes);
    generation.settings = settings_from(json, older);
    json.at("created_at").get_to(generation.created_at);
    json.at("command").get_to(generation.command);
    json.at("reason").get_to(generation.reason);
    json.at("outcome").get_to(generation.outcome);
    if (json.contains("merge")) {
        const Json& merge = json.at("merge");
        generation.merge.emplace();
        merge.at("added").get_to(generation.merge->added);
        merge.at("replaced").get_to(generation.merge->replaced);
        merge.at("removed").get_to(generation.merge->removed);
        merge.at("kept").get_to(generation.merge->kept);
        merge.at("merged").get_to(generation.merge->merged);
    }
    for (const Json& conflict : json.at("conflicts"))
        generation.conflicts.push_back({conflict.at("path"), conflict.at("what"), conflict.at("decision")});
    return generation;
}

} // namespace

std::string record_of(const catalog::Jail& jail, const std::vector<catalog::Generation>& generations) {
    const auto current = std::find_if(generations.begin(), generations.end(),
                                      [&](const auto& one) { return one.number == jail.current; });
    if (current == generations.end())
        throw Error(ErrorKind::corrupt, jail.name, "the catalog has no current generation for it",
                    "pkgjail catalog check");
    Json kept = Json::array();
    for (const catalog::Generation& generation : generations)
        kept.push_back(json_of(generation));
    Json claims = Json::array();
    for (const catalog::PortClaimRow& claim : jail.claims)
        claims.push_back({{"protocol", claim.protocol}, {"address", claim.address}, {"port", claim.port}});
    Json holds = Json::array();
    for (const catalog::Hold& hold : jail.holds) {
        Json until;
        if (hold.until)
            until = *hold.until;
        holds.push_back({{"package", hold.pkgbase}, {"reason", hold.reason}, {"until", until}});
    }
    Json volumes = Json::array();
    for (const catalog::VolumeUseRow& volume : jail.volumes)
        volumes.push_back(
            {{"volume", volume.volume_id}, {"path", volume.path}, {"writable", volume.writable}});
    Json mounts = Json::array();
    for (const catalog::HostMountRow& mount : jail.mounts)
        mounts.push_back({{"source", mount.source},
                          {"path", mount.path},
                          {"writable", mount.writable},
                          {"executable", mount.executable}});
    return text_of({{"schema", "pkgjail.jail/1"},
                    {"id", jail.id},
                    {"name", jail.name},
                    {"recipe", jail.recipe},
                    {"profile", jail.profile},
                    {"network", jail.network},
                    {"network_choice",
                     {{"mode", jail.network_choice.mode},
                      {"nat", jail.network_choice.nat},
                      {"resolv", jail.network_choice.resolv},
                      {"publish", jail.network_choice.publish}}},
                    {"address", jail.address},
                    {"limits", jail.limits_template},
                    {"limit_overrides", jail.limit_overrides},
                    {"settings", jail.settings},
                    {"claims", claims},
                    {"holds", holds},
                    {"volumes", volumes},
                    {"mounts", mounts},
                    {"wanted_running", jail.wanted_running},
                    {"created_at", jail.created_at},
                    {"current", jail.current},
                    {"image", current->image_id},
                    {"wishes", current->wishes},
                    {"generations", kept}});
}

std::string record_of(const catalog::Jail& jail, const catalog::Generation& first) {
    catalog::Jail with_first = jail;
    with_first.current = first.number;
    catalog::Generation with_settings = first;
    with_settings.settings = jail.settings;
    return record_of(with_first, std::vector<catalog::Generation>{with_settings});
}

JailRecord parse_jail_record(std::string_view text, const std::string& name) {
    return parse(text, name, "pkgjail.jail/1", [](const Json& json) {
        JailRecord record;
        catalog::Jail& jail = record.jail;
        json.at("id").get_to(jail.id);
        json.at("name").get_to(jail.name);
        json.at("recipe").get_to(jail.recipe);
        json.at("profile").get_to(jail.profile);
        json.at("network").get_to(jail.network);
        if (json.contains("network_choice")) { // not in what earlier versions wrote
            const Json& choice = json.at("network_choice");
            choice.at("mode").get_to(jail.network_choice.mode);
            choice.at("nat").get_to(jail.network_choice.nat);
            choice.at("resolv").get_to(jail.network_choice.resolv);
            choice.at("publish").get_to(jail.network_choice.publish);
            json.at("address").get_to(jail.address);
        }
        json.at("limits").get_to(jail.limits_template);
        json.at("limit_overrides").get_to(jail.limit_overrides);
        json.at("settings").get_to(jail.settings);
        for (const Json& claim : json.at("claims"))
            jail.claims.push_back({claim.at("protocol"), claim.at("address"), claim.at("port")});
        for (const Json& one : json.at("holds")) {
            catalog::Hold& hold = jail.holds.emplace_back();
            one.at("package").get_to(hold.pkgbase);
            one.at("reason").get_to(hold.reason);
            if (!one.at("until").is_null())
                hold.until = one.at("until").get<std::int64_t>();
        }
        if (json.contains("volumes")) // not in what the first version wrote
            for (const Json& one : json.at("volumes"))
                jail.volumes.push_back({one.at("volume"), "", one.at("path"), one.at("writable")});
        if (json.contains("mounts"))
            for (const Json& one : json.at("mounts"))
                jail.mounts.push_back(
                    {one.at("source"), one.at("path"), one.at("writable"), one.at("executable")});
        json.at("wanted_running").get_to(jail.wanted_running);
        json.at("created_at").get_to(jail.created_at);
        json.at("current").get_to(jail.current);
        for (const Json& generation : json.at("generations"))
            record.generations.push_back(generation_from(generation, record.jail.settings));
        return record;
    });
}

std::string record_of(const catalog::Snapshot& snapshot, const catalog::Jail& jail) {
    return text_of({{"schema", snapshot_schema},
                    {"id", snapshot.id},
                    {"name", snapshot.name},
                    {"jail_id", jail.id},
                    {"jail", jail.name},
                    {"image", snapshot.image_id},
                    {"generation", snapshot.generation},
                    {"wishes", snapshot.wishes},
                    {"settings", snapshot.settings},
                    {"created_at", snapshot.created_at},
                    {"command", snapshot.command},
                    {"method", snapshot.method},
                    {"size_bytes", snapshot.size_bytes}});
}

catalog::Snapshot parse_snapshot_record(std::string_view text, const std::string& name,
                                        const std::map<std::string, std::string>& older) {
    return parse(text, name, snapshot_schema, [&older](const Json& json) {
        catalog::Snapshot snapshot;
        json.at("id").get_to(snapshot.id);
        json.at("name").get_to(snapshot.name);
        json.at("jail_id").get_to(snapshot.jail_id);
        json.at("image").get_to(snapshot.image_id);
        json.at("generation").get_to(snapshot.generation);
        json.at("wishes").get_to(snapshot.wishes);
        snapshot.settings = settings_from(json, older);
        json.at("created_at").get_to(snapshot.created_at);
        json.at("command").get_to(snapshot.command);
        json.at("method").get_to(snapshot.method);
        json.at("size_bytes").get_to(snapshot.size_bytes);
        return snapshot;
    });
}

bool is_record_of(const catalog::Snapshot& recorded, const catalog::Snapshot& snapshot) {
    return recorded.image_id == snapshot.image_id && recorded.jail_id == snapshot.jail_id &&
           recorded.generation == snapshot.generation;
}

bool tells_settings(std::string_view snapshot_record, const std::string& name) {
    return parse(snapshot_record, name, snapshot_schema,
                 [](const Json& json) { return json.contains("settings"); });
}

std::string record_of(const catalog::Volume& volume) {
    return text_of({{"schema", "pkgjail.volume/1"},
                    {"id", volume.id},
                    {"name", volume.name},
                    {"created_at", volume.created_at}});
}

catalog::Volume parse_volume_record(std::string_view text, const std::string& name) {
    return parse(text, name, "pkgjail.volume/1", [](const Json& json) {
        catalog::Volume volume;
        json.at("id").get_to(volume.id);
        json.at("name").get_to(volume.name);
        json.at("created_at").get_to(volume.created_at);
        return volume;
    });
}

std::string record_of(const catalog::Image& image, const store::AccountNumbers& accounts) {
    Json packages = Json::array();
    for (const catalog::ImagePackage& package : image.packages)
        packages.push_back({{"pkgname", package.pkgname},
                            {"archive_sha256", package.archive_sha256},
                            {"automatic", package.automatic},
                            {"repository", package.repository},
                            {"build_date", package.build_date},
                            {"comment", package.comment},
                            {"size_bytes", package.size_bytes},
                            {"depends", package.depends},
                            {"conflicts", package.conflicts},
                            {"trust", package.trust}});
    return text_of({{"schema", "pkgjail.image/1"},
                    {"build_key", image.build_key},
                    {"base", image.base_id},
                    {"prefix", image.prefix},
                    {"created_at", image.created_at},
                    {"packages", packages},
                    {"users", accounts.users},
                    {"groups", accounts.groups}});
}

ImageRecord parse_image_record(std::string_view text, const std::string& name) {
    return parse(text, name, "pkgjail.image/1", [](const Json& json) {
        ImageRecord record;
        catalog::Image& image = record.image;
        json.at("build_key").get_to(image.build_key);
        json.at("base").get_to(image.base_id);
        json.at("prefix").get_to(image.prefix);
        json.at("created_at").get_to(image.created_at);
        for (const Json& one : json.at("packages")) {
            catalog::ImagePackage& package = image.packages.emplace_back();
            one.at("pkgname").get_to(package.pkgname);
            one.at("archive_sha256").get_to(package.archive_sha256);
            one.at("automatic").get_to(package.automatic);
            one.at("repository").get_to(package.repository);
            one.at("build_date").get_to(package.build_date);
            one.at("comment").get_to(package.comment);
            one.at("size_bytes").get_to(package.size_bytes);
            one.at("depends").get_to(package.depends);
            one.at("conflicts").get_to(package.conflicts);
            package.trust = one.value("trust", ""); // images of before have none
        }
        json.at("users").get_to(record.accounts.users);
        json.at("groups").get_to(record.accounts.groups);
        return record;
    });
}

} // namespace pkgjail::ops
