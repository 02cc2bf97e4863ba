// JailSpec as text and back. The text lies in a jail's run directory and is read by the supervisor; both come
// from one installation, so a format number is enough and there is no migration.
#include "pkgjail/confine/spec.hpp"

#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/whole_json.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::ordered_json;

constexpr int format_number = 1;

Error damaged(std::string cause) {
    return Error(ErrorKind::corrupt, "jail description", std::move(cause));
}

jail::NetworkMode network_mode_from(const std::string& name) {
    for (auto mode : {jail::NetworkMode::host, jail::NetworkMode::none, jail::NetworkMode::private_})
        if (jail::network_mode_name(mode) == name)
            return mode;
    throw damaged("unknown network mode \"" + name + "\"");
}

jail::Profile profile_from(const std::string& name) {
    if (auto profile = jail::find_profile(name))
        return *profile;
    throw damaged("unknown profile \"" + name + "\"");
}

Json mount_to_json(const Mount& mount) {
    Json json{{"kind", mount.kind == Mount::Kind::bind ? "bind" : "tmpfs"}, {"target", mount.target.str()}};
    json["writable"] = mount.writable;
    json["no_exec"] = mount.no_exec;
    if (mount.kind == Mount::Kind::bind) {
        json["source"] = mount.source.string();
        json["by_descriptor"] = mount.by_descriptor;
    } else {
        json["size_bytes"] = mount.size_bytes;
        json["mode"] = mount.mode;
    }
    return json;
}

Mount mount_from_json(const Json& json) {
    Mount mount;
    const auto kind = json.at("kind").get<std::string>();
    if (kind != "bind" && kind != "tmpfs")
        throw damaged("unknown kind of mount \"" + kind + "\"");
    mount.kind = kind == "bind" ? Mount::Kind::bind : Mount::Kind::tmpfs;
    mount.target = base::RootPath::parse(json.at("target").get<std::string>());
    mount.writable = json.at("writable").get<bool>();
    mount.no_exec = json.at("no_exec").get<bool>();
    if (mount.kind == Mount::Kind::bind) {
        mount.source = json.at("source").get<std::string>();
        mount.by_descriptor = json.value("by_descriptor", false);
    } else {
        mount.size_bytes = json.at("size_bytes").get<std::uint64_t>();
        mount.mode = json.at("mode").get<unsigned>();
    }
    return mount;
}

Json limits_to_json(const jail::Limits& limits) {
    Json wanted = Json::object();
    for (const auto& [kind, limit] : limits.wanted)
        wanted[std::string(jail::limit_name(kind))] = {{"value", limit.value}, {"source", limit.source}};
    return {{"require_enforced", limits.require_enforced}, {"wanted", std::move(wanted)}};
}

jail::Limits limits_from_json(const Json& json) {
    jail::Limits limits;
    limits.require_enforced = json.at("require_enforced").get<bool>();
    for (const auto& [name, value] : json.at("wanted").items()) {
        const auto kind = jail::find_limit(name);
        if (!kind)
            throw damaged("unknown limit \"" + name + "\"");
        limits.wanted[*kind] = {value.at("value").get<std::uint64_t>(),
                                value.at("source").get<std::string>()};
    }
    return limits;
}

Json private_network_to_json(const PrivateNetwork& network) {
    Json ports = Json::array();
    for (const jail::PublishedPort& port : network.publish)
        ports.push_back({{"protocol", port.protocol},
                         {"address", port.address},
                         {"host_port", port.host_port},
                         {"jail_port", port.jail_port}});
    return {{"address", network.address},
            {"gateway", network.gateway},
            {"pool", network.pool},
            {"nat", network.nat},
            {"publish", std::move(ports)}};
}

PrivateNetwork private_network_from_json(const Json& json) {
    PrivateNetwork network;
    json.at("address").get_to(network.address);
    json.at("gateway").get_to(network.gateway);
    json.at("pool").get_to(network.pool);
    json.at("nat").get_to(network.nat);
    for (const auto& port : json.at("publish"))
        network.publish.push_back(
            {port.at("protocol").get<std::string>(), port.at("address").get<std::string>(),
             port.at("host_port").get<std::uint16_t>(), port.at("jail_port").get<std::uint16_t>()});
    return network;
}

} // namespace

std::string to_json(const JailSpec& spec) {
    Json json{{"format", format_number},
              {"handle", spec.handle},
              {"jail", spec.jail},
              {"root", spec.root.string()}};
    json["secrets"] = Json::array();
    for (const auto& secret : spec.secrets)
        json["secrets"].push_back({{"name", secret.name},
                                   {"source", secret.source.string()},
                                   {"uid", secret.uid},
                                   {"gid", secret.gid}});
    json["storage"] = spec.storage.string();
    json["closed"] = Json::array();
    for (const auto& directory : spec.closed)
        json["closed"].push_back(directory.string());
    json["mounts"] = Json::array();
    for (const auto& mount : spec.mounts)
        json["mounts"].push_back(mount_to_json(mount));
    json["command"] = spec.command;
    json["environment"] = spec.environment;
    json["working_directory"] = spec.working_directory;
    json["identity"] = {
        {"uid", spec.identity.uid}, {"gid", spec.identity.gid}, {"groups", spec.identity.groups}};
    json["holds"] = spec.holds;
    json["limits"] = limits_to_json(spec.limits);
    json["profile"] = jail::profile_name(spec.profile);
    json["network"] = jail::network_mode_name(spec.network);
    json["claims"] = Json::array();
    for (const auto& claim : spec.claims)
        json["claims"].push_back(
            {{"protocol", claim.protocol}, {"address", claim.address}, {"port", claim.port}});
    if (spec.private_network)
        json["private_network"] = private_network_to_json(*spec.private_network);
    if (spec.learning)
        json["learning"] = {{"profile", jail::profile_name(spec.learning->profile)},
                            {"socket", spec.learning->socket.string()}};
    try {
        return json.dump(2) + "\n";
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorKind::configuration, spec.jail,
                    "a path, command or value of the jail is not valid UTF-8");
    }
}

JailSpec spec_from_json(std::string_view text) {
    try {
        const Json json = base::parse_whole_json<Json>(text);
        if (const int found = json.at("format").get<int>(); found != format_number)
            throw damaged("format " + std::to_string(found) + ", this pkgjail reads format " +
                          std::to_string(format_number));
        JailSpec spec;
        spec.handle = json.at("handle").get<std::string>();
        spec.jail = json.at("jail").get<std::string>();
        spec.root = json.at("root").get<std::string>();
        for (const auto& secret : json.value("secrets", Json::array()))
            spec.secrets.push_back(
                {secret.at("name").get<std::string>(), secret.at("source").get<std::string>(),
                 secret.at("uid").get<std::uint32_t>(), secret.at("gid").get<std::uint32_t>()});
        spec.storage = json.value("storage", std::string());
        for (const auto& directory : json.value("closed", Json::array()))
            spec.closed.emplace_back(directory.get<std::string>());
        for (const auto& mount : json.at("mounts"))
            spec.mounts.push_back(mount_from_json(mount));
        spec.command = json.at("command").get<std::vector<std::string>>();
        spec.environment = json.at("environment").get<std::map<std::string, std::string>>();
        spec.working_directory = json.at("working_directory").get<std::string>();
        const Json& identity = json.at("identity");
        spec.identity.uid = identity.at("uid").get<std::uint32_t>();
        spec.identity.gid = identity.at("gid").get<std::uint32_t>();
        spec.identity.groups = identity.at("groups").get<std::vector<std::uint32_t>>();
        spec.holds = json.value("holds", false);
        spec.limits = limits_from_json(json.at("limits"));
        spec.profile = profile_from(json.at("profile").get<std::string>());
        spec.network = network_mode_from(json.at("network").get<std::string>());
        for (const auto& claim : json.at("claims"))
            spec.claims.push_back({claim.at("protocol").get<std::string>(),
                                   claim.at("address").get<std::string>(),
                                   claim.at("port").get<std::uint16_t>()});
        if (json.contains("private_network"))
            spec.private_network = private_network_from_json(json.at("private_network"));
        if (const auto learning = json.find("learning"); learning != json.end())
            spec.learning = Learning{profile_from(learning->at("profile").get<std::string>()),
                                     learning->at("socket").get<std::string>()};
        return spec;
    } catch (const nlohmann::json::exception& error) {
        throw damaged(error.what());
    }
}

} // namespace pkgjail::confine
