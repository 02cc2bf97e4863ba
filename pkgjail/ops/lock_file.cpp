#include "pkgjail/ops/lock_file.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/name.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* schema = "pkgjail.lock/1";

/// The document, asked field by field; what is not as it must be is told with its name.
class Reader {
  public:
    Reader(const Json& document, const std::string& file) : document_(document), file_(file) {}

    std::string text(const Json& object, const std::string& key) const {
        const Json& value = get(object, key);
        if (!value.is_string())
            fail(key, "allowed: a text");
        return value.get<std::string>();
    }
    std::string text(const std::string& key) const { return text(document_, key); }
    bool truth(const Json& object, const std::string& key) const {
        const Json& value = get(object, key);
        if (!value.is_boolean())
            fail(key, "allowed: true, false");
        return value.get<bool>();
    }
    bool truth(const std::string& key) const { return truth(document_, key); }
    const Json& list(const std::string& key) const {
        const Json& value = get(document_, key);
        if (!value.is_array())
            fail(key, "allowed: a list");
        return value;
    }
    const Json& table(const std::string& key) const {
        const Json& value = get(document_, key);
        if (!value.is_object())
            fail(key, "allowed: names with values");
        return value;
    }
    std::map<std::string, std::uint32_t> numbers(const std::string& key) const {
        std::map<std::string, std::uint32_t> result;
        for (const auto& [name, value] : table(key).items()) {
            if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0 ||
                value.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max())
                fail(key, fmt::format("of {}: allowed: a number above 0", name));
            result[name] = value.get<std::uint32_t>();
        }
        return result;
    }
    /// What `check` throws is told as this field's fault.
    template <class Check>
    void field(const std::string& key, const Check& check) const {
        try {
            check();
        } catch (const Error& error) {
            fail(key, fmt::format("{}: {}", error.object(), error.cause()));
        }
    }
    [[noreturn]] void fail(const std::string& key, const std::string& cause) const {
        throw Error(ErrorKind::corrupt, file_, fmt::format("{}: {}", key, cause),
                    "pkgjail lock writes such files");
    }

  private:
    const Json& get(const Json& object, const std::string& key) const {
        const auto found = object.is_object() ? object.find(key) : object.end();
        if (!object.is_object() || found == object.end())
            fail(key, "is missing");
        return *found;
    }

    const Json& document_;
    const std::string& file_;
};

bool is_digest(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::vector<LockedPackage> read_packages(const Reader& reader) {
    std::vector<LockedPackage> packages;
    std::set<std::string> bases;
    for (const Json& each : reader.list("packages")) {
        LockedPackage package;
        package.pkgname = reader.text(each, "pkgname");
        package.sha256 = reader.text(each, "sha256");
        package.automatic = reader.truth(each, "automatic");
        package.repository = reader.text(each, "repository");
        if (each.contains("trust")) // locks of before have none
            package.trust = reader.text(each, "trust");
        if (!format::Pkgname::is_valid(package.pkgname))
            reader.fail("pkgname",
                        fmt::format("found \"{}\", allowed: a name with a version", package.pkgname));
        if (!is_digest(package.sha256))
            reader.fail("sha256", fmt::format("of {}: allowed: 64 hexadecimal digits", package.pkgname));
        if (!bases.emplace(format::Pkgname::parse(package.pkgname).base()).second)
            reader.fail("packages", package.pkgname + " is not the only package of its name");
        packages.push_back(std::move(package));
    }
    if (packages.empty())
        reader.fail("packages", "there are none");
    return packages;
}

} // namespace

std::string lock_text(const LockFile& lock) {
    Json packages = Json::array();
    for (const LockedPackage& package : lock.packages)
        packages.push_back({{"pkgname", package.pkgname},
                            {"sha256", package.sha256},
                            {"automatic", package.automatic},
                            {"repository", package.repository},
                            {"trust", package.trust}});
    const Json document = {{"schema", schema},
                           {"jail", lock.jail},
                           {"recipe", lock.recipe},
                           {"limits", lock.limits},
                           {"settings", Json(lock.settings)},
                           {"image", lock.image},
                           {"base", lock.base},
                           {"prefix", lock.prefix},
                           {"setid", lock.setid},
                           {"scripts", lock.scripts},
                           {"wishes", lock.wishes},
                           {"packages", packages},
                           {"users", Json(lock.users)},
                           {"groups", Json(lock.groups)}};
    return document.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

LockFile parse_lock(std::string_view text, const std::string& file) {
    const Json document = Json::parse(text, nullptr, false);
    const Reader reader(document, file);
    if (!document.is_object())
        throw Error(ErrorKind::corrupt, file, "is no lock file: no JSON document",
                    "pkgjail lock writes such files");
    if (const std::string found = reader.text("schema"); found != schema)
        throw Error(ErrorKind::corrupt, file, fmt::format("schema: found \"{}\", allowed: {}", found, schema),
                    "it may be of another version of pkgjail");
    LockFile lock;
    lock.jail = reader.text("jail");
    reader.field("jail", [&] { jail::check_name("jail", lock.jail); });
    lock.recipe = reader.text("recipe");
    lock.limits = reader.text("limits");
    for (const auto& [key, value] : reader.table("settings").items()) {
        if (!value.is_string())
            reader.fail("settings", key + ": allowed: a text");
        lock.settings[key] = value.get<std::string>();
    }
    lock.image = reader.text("image");
    lock.base = reader.text("base");
    lock.prefix = reader.text("prefix");
    lock.setid = reader.text("setid");
    lock.scripts = reader.truth("scripts");
    for (const Json& wish : reader.list("wishes")) {
        if (!wish.is_string())
            reader.fail("wishes", "allowed: texts");
        lock.wishes.push_back(wish.get<std::string>());
        reader.field("wishes", [&] { format::Pattern::parse(lock.wishes.back()); });
    }
    lock.packages = read_packages(reader);
    lock.users = reader.numbers("users");
    lock.groups = reader.numbers("groups");
    return lock;
}

} // namespace pkgjail::ops
