#include "pkgjail/ops/export_description.hpp"

#include <algorithm>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/jail/profile.hpp"

namespace pkgjail::ops {

using Json = nlohmann::ordered_json;
using base::Error;
using base::ErrorKind;

namespace {

constexpr const char* schema = "pkgjail.export/1";
constexpr std::size_t max_text = 4096;

class Reader {
  public:
    explicit Reader(const std::string& archive) : archive_(archive) {}

    [[noreturn]] void fail(const std::string& key, const std::string& cause) const {
        throw Error(ErrorKind::corrupt, archive_, fmt::format("{}: {}: {}", description_name, key, cause));
    }
    const Json& value(const Json& object, const char* key) const {
        if (!object.is_object() || !object.contains(key))
            fail(key, "is missing");
        return object.at(key);
    }
    /// One line of text.
    std::string text(const Json& json, const char* key) const {
        if (!json.is_string())
            fail(key, "is no text");
        std::string result = json.get<std::string>();
        const bool plain = std::none_of(result.begin(), result.end(), [](char c) {
            return static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) == 0x7f;
        });
        if (!plain || result.size() > max_text)
            fail(key, fmt::format("holds control characters, or more than {} bytes", max_text));
        return result;
    }
    std::string text_of(const Json& object, const char* key) const { return text(value(object, key), key); }
    std::string name(const Json& object, const char* key, bool may_be_empty) const {
        std::string result = text_of(object, key);
        if (!(may_be_empty && result.empty()) && !jail::is_valid_name(result))
            fail(key, fmt::format("found \"{}\", allowed: {}", result, jail::name_rule));
        return result;
    }
    std::string digest(const Json& object, const char* key) const {
        std::string result = text_of(object, key);
        if (result.size() != 64 || result.find_first_not_of("0123456789abcdef") != std::string::npos)
            fail(key, fmt::format("found \"{}\", allowed: 64 hexadecimal digits", result));
        return result;
    }
    std::uint64_t number(const Json& object, const char* key) const {
        constexpr std::uint64_t most = 1ull << 62;
        const Json& json = value(object, key);
        if (!json.is_number_unsigned() || json.get<std::uint64_t>() > most)
            fail(key, "is no number that could be right");
        return json.get<std::uint64_t>();
    }
    bool flag(const Json& object, const char* key) const {
        const Json& json = value(object, key);
        if (!json.is_boolean())
            fail(key, "is neither true nor false");
        return json.get<bool>();
    }
    std::vector<std::string> texts(const Json& object, const char* key) const {
        const Json& json = value(object, key);
        if (!json.is_array())
            fail(key, "is no list");
        std::vector<std::string> result;
        for (const Json& one : json)
            result.push_back(text(one, key));
        return result;
    }
    std::map<std::string, std::string> table(const Json& object, const char* key) const {
        const Json& json = value(object, key);
        if (!json.is_object())
            fail(key, "is no table");
        std::map<std::string, std::string> result;
        for (const auto& [name_, one] : json.items())
            result[text(name_, key)] = text(one, key);
        return result;
    }
    const Json& record(const Json& object, const char* key, const std::string& form) const {
        const Json& json = value(object, key);
        if (const std::string found = text_of(json, "schema"); found != form)
            fail(key, fmt::format("found \"{}\", allowed: \"{}\"", found, form));
        return json;
    }

  private:
    const std::string& archive_;
};

catalog::ImagePackage read_package(const Reader& reader, const Json& json) {
    catalog::ImagePackage package;
    package.pkgname = reader.text_of(json, "pkgname");
    const bool plain =
        !package.pkgname.empty() && std::none_of(package.pkgname.begin(), package.pkgname.end(),
                                                 [](char c) { return c <= ' ' || c == '/' || c == 0x7f; });
    if (!plain || package.pkgname.size() > base::RootPath::max_component || package.pkgname.front() == '.')
        reader.fail("pkgname", fmt::format("found \"{}\", which is no name of a package", package.pkgname));
    package.archive_sha256 = reader.digest(json, "archive_sha256");
    package.automatic = reader.flag(json, "automatic");
    package.repository = reader.text_of(json, "repository");
    package.build_date = reader.text_of(json, "build_date");
    package.comment = reader.text_of(json, "comment");
    package.size_bytes = reader.number(json, "size_bytes");
    package.depends = reader.texts(json, "depends");
    package.conflicts = reader.texts(json, "conflicts");
    return package;
}

catalog::Image read_image(const Reader& reader, const Json& all) {
    const Json& json = reader.record(all, "image", "pkgjail.image/1");
    catalog::Image image;
    image.id = reader.digest(all, "image_id");
    image.build_key = reader.digest(json, "build_key");
    image.base_id = reader.text_of(json, "base");
    image.prefix = reader.text_of(json, "prefix");
    image.created_at = static_cast<std::int64_t>(reader.number(json, "created_at"));
    const Json& packages = reader.value(json, "packages");
    if (!packages.is_array())
        reader.fail("packages", "is no list");
    std::set<std::string> names;
    for (const Json& package : packages) {
        image.packages.push_back(read_package(reader, package));
        if (!names.insert(image.packages.back().pkgname).second)
            reader.fail("packages", image.packages.back().pkgname + " is there twice");
    }
    return image;
}

std::vector<catalog::Hold> read_holds(const Reader& reader, const Json& jail) {
    const Json& list = reader.value(jail, "holds");
    if (!list.is_array())
        reader.fail("holds", "is no list");
    std::vector<catalog::Hold> holds;
    std::set<std::string> bases;
    for (const Json& json : list) {
        catalog::Hold hold{reader.text_of(json, "package"), reader.text_of(json, "reason"), {}};
        if (!reader.value(json, "until").is_null())
            hold.until = static_cast<std::int64_t>(reader.number(json, "until"));
        if (!bases.insert(hold.pkgbase).second)
            reader.fail("holds", hold.pkgbase + " is there twice");
        holds.push_back(std::move(hold));
    }
    return holds;
}

jail::NetworkChoice read_choice(const Reader& reader, const Json& json) {
    jail::NetworkChoice choice;
    choice.mode = reader.text_of(json, "mode");
    choice.nat = reader.text_of(json, "nat");
    choice.resolv = reader.text_of(json, "resolv");
    choice.publish = reader.texts(json, "publish");
    try {
        return jail::checked(choice, "network_choice");
    } catch (const Error& error) {
        reader.fail("network_choice", error.what());
    }
}

catalog::Jail read_jail(const Reader& reader, const Json& json) {
    catalog::Jail jail;
    jail.name = reader.name(json, "name", false);
    jail.recipe = reader.name(json, "recipe", true);
    jail.profile = reader.text_of(json, "profile");
    if (!jail::find_profile(jail.profile))
        reader.fail("profile", fmt::format("found \"{}\", which is none", jail.profile));
    jail.network = reader.text_of(json, "network");
    if (jail.network != "host" && jail.network != "none" && jail.network != "private")
        reader.fail("network", fmt::format("found \"{}\", allowed: host, none, private", jail.network));
    if (json.contains("network_choice")) // not in what earlier versions wrote
        jail.network_choice = read_choice(reader, reader.value(json, "network_choice"));
    jail.limits_template = reader.name(json, "limits", true);
    jail.limit_overrides = reader.table(json, "limit_overrides");
    jail.settings = reader.table(json, "settings");
    if (json.contains("holds")) // not in what the first version wrote
        jail.holds = read_holds(reader, json);
    return jail;
}

} // namespace

std::string text_of(const ExportDescription& description, const std::string& jail_record,
                    const std::string& image_record) {
    // Volumes are not contained, and what the host has elsewhere is its own affair.
    Json jail = Json::parse(jail_record);
    jail.erase("volumes");
    jail.erase("mounts");
    Json json = {{"schema", schema},
                 {"version", description.version},
                 {"created_at", description.created_at},
                 {"snapshot", description.snapshot},
                 {"members", description.members},
                 {"bytes", description.bytes},
                 {"image_id", description.image.id},
                 {"jail", jail},
                 {"image", Json::parse(image_record)}};
    return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

ExportDescription parse_description(const std::string& text, const std::string& archive) {
    const Reader reader(archive);
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded())
        reader.fail("the whole", "is no JSON");
    if (const std::string found = reader.text_of(json, "schema"); found != schema)
        throw Error(ErrorKind::corrupt, archive,
                    fmt::format("is an export of the form \"{}\", and this version of pkgjail reads \"{}\"",
                                found, schema),
                    "import it with the version that made it, or a later one");
    ExportDescription description;
    description.version = reader.text_of(json, "version");
    description.created_at = static_cast<std::int64_t>(reader.number(json, "created_at"));
    description.snapshot = reader.name(json, "snapshot", true);
    description.members = reader.number(json, "members");
    description.bytes = reader.number(json, "bytes");
    description.image = read_image(reader, json);
    const Json& jail = reader.record(json, "jail", "pkgjail.jail/1");
    description.jail = read_jail(reader, jail);
    description.generation.image_id = description.image.id;
    description.generation.wishes = reader.texts(jail, "wishes");
    return description;
}

} // namespace pkgjail::ops
