#include "pkgjail/ops/repository_keys.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/format/signed_index.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/ops/index_trust.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using format::PublicKey;
using format::SecretKey;

namespace {

constexpr std::size_t most_key_bytes = std::size_t{16} << 10;
constexpr std::size_t most_list_bytes = std::size_t{1} << 20;

HostPath keys_directory(const Context& context) {
    return context.config.etc / "keys";
}
HostPath revoked_file(const Context& context) {
    return keys_directory(context) / "revoked";
}

/// Names of the files with this ending in ETC/keys, without it, sorted.
std::vector<std::string> names_with(const Context& context, const std::string& ending) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(keys_directory(context), error))
        if (entry.path().extension() == ending)
            names.push_back(entry.path().stem().string());
    if (error && error != std::errc::no_such_file_or_directory)
        throw base::system_error(error.value(), keys_directory(context).string(), "opendir");
    std::sort(names.begin(), names.end());
    return names;
}

PublicKey read_public_key(const HostPath& file) {
    return base::while_doing("read " + file.string(),
                             [&] { return PublicKey::parse(base::read_file(file, most_key_bytes)); });
}

std::vector<RevokedKey> parse_revoked(const std::string& text, const HostPath& file) {
    std::vector<RevokedKey> keys;
    std::istringstream lines(text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        if (line.empty() || line.front() == '#')
            continue;
        std::istringstream words(line);
        RevokedKey key;
        words >> key.id >> key.at;
        std::getline(words >> std::ws, key.reason);
        if (!format::is_key_id(key.id))
            throw Error(ErrorKind::configuration, fmt::format("{}:{}", file.string(), number),
                        fmt::format("found \"{}\", allowed: the id of a key, 16 hexadecimal digits", key.id),
                        "pkgjail repo key revoke writes this file");
        keys.push_back(std::move(key));
    }
    return keys;
}

void mark_revoked(const Context& context, std::vector<RepositoryKey>& keys) {
    for (const RevokedKey& revoked : read_revoked_keys(context))
        for (RepositoryKey& key : keys)
            if (key.id == revoked.id) {
                key.revoked = true;
                key.revoked_at = revoked.at;
                key.reason = revoked.reason;
            }
}

std::string id_of(const Context& context, const std::string& name_or_id) {
    const HostPath file = keys_directory(context) / (name_or_id + ".pub");
    std::error_code error;
    if (jail::is_valid_name(name_or_id) && std::filesystem::exists(file, error))
        return read_public_key(file).id();
    if (format::is_key_id(name_or_id))
        return name_or_id;
    throw Error(ErrorKind::not_found, name_or_id,
                fmt::format("there is no such key in {}", keys_directory(context).string()),
                "pkgjail repo key list shows names and ids");
}

} // namespace

std::vector<RevokedKey> read_revoked_keys(const Context& context) {
    const HostPath file = revoked_file(context);
    const auto text = base::read_file_if_exists(file, most_list_bytes);
    return text ? parse_revoked(*text, file) : std::vector<RevokedKey>{};
}

std::vector<RepositoryKey> list_keys(const Context& context) {
    std::vector<RepositoryKey> keys;
    const std::vector<std::string> secrets = names_with(context, ".key");
    for (const std::string& name : names_with(context, ".pub")) {
        const PublicKey read = read_public_key(keys_directory(context) / (name + ".pub"));
        RepositoryKey key;
        key.id = read.id();
        key.name = name;
        key.public_key = read.text();
        key.secret = std::find(secrets.begin(), secrets.end(), name) != secrets.end();
        keys.push_back(std::move(key));
    }
    for (const jail::RepositoryConfig& repository : context.config.repositories)
        for (const PublicKey& trusted : configured_keys(repository)) {
            auto key = std::find_if(keys.begin(), keys.end(),
                                    [&](const RepositoryKey& one) { return one.id == trusted.id(); });
            if (key == keys.end()) {
                RepositoryKey other;
                other.id = trusted.id();
                other.public_key = trusted.text();
                key = keys.insert(keys.end(), std::move(other));
            }
            key->repositories.push_back(repository.name);
        }
    mark_revoked(context, keys);
    return keys;
}

RepositoryKey new_key(const Context& context, const std::string& name) {
    jail::check_name("key", name);
    const HostPath secret_file = keys_directory(context) / (name + ".key");
    const HostPath public_file = keys_directory(context) / (name + ".pub");
    // Of a command that was cut between the two; nobody has seen its public half.
    const bool is_half_made = base::exists(secret_file) && !base::exists(public_file);
    for (const HostPath& file : {secret_file, public_file})
        if (base::exists(file) && !is_half_made)
            throw Error(ErrorKind::conflict, file.string(), "exists already, and a key is never written over",
                        "take another name, or move the old key away");
    RepositoryKey key;
    key.name = name;
    key.secret = true;
    if (context.dry_run)
        return key;
    if (is_half_made)
        context.reporter.warn(
            fmt::format("key {} was made before, without its public half: that is added, and "
                        "the key is no new one",
                        name));
    const SecretKey made = is_half_made ? read_secret_key(context, secret_file) : SecretKey::generate();
    key.id = made.public_key().id();
    key.public_key = made.public_key().text();
    base::make_directories(keys_directory(context), 0700);
    if (!is_half_made)
        base::write_new_file_atomically(secret_file, made.pem(), 0600);
    base::step("key.secret_written");
    base::write_new_file_atomically(public_file, fmt::format("{} {}\n", key.public_key, name), 0644);
    base::step("key.written");
    return key;
}

Revocation revoke_key(const Context& context, const std::string& name_or_id, const std::string& reason) {
    if (reason.find('\n') != std::string::npos)
        throw Error(ErrorKind::usage, "--reason", "has several lines, allowed: one");
    Revocation revocation;
    revocation.key.id = id_of(context, name_or_id);
    for (const RevokedKey& key : read_revoked_keys(context))
        if (key.id == revocation.key.id) {
            revocation.key = key;
            return revocation;
        }
    revocation.key.at = base::format_time(base::wall_now());
    revocation.key.reason = reason;
    revocation.changed = true;
    if (context.dry_run)
        return revocation;
    base::make_directories(keys_directory(context), 0700);
    std::string text = base::read_file_if_exists(revoked_file(context), most_list_bytes).value_or("");
    if (!text.empty() && !text.ends_with('\n'))
        text += '\n';
    text +=
        fmt::format("{} {}{}{}\n", revocation.key.id, revocation.key.at, reason.empty() ? "" : " ", reason);
    base::write_file_atomically(revoked_file(context), text, 0644);
    base::step("key.revoked");
    return revocation;
}

SecretKey read_secret_key(const Context& context, const HostPath& file) {
    const auto fd = base::open_file_if_exists(file, O_RDONLY | O_NONBLOCK);
    if (!fd)
        throw Error(ErrorKind::not_found, file.string(), "there is no such key",
                    "pkgjail repo key new NAME makes one");
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0)
        throw base::system_error(errno, file.string(), "fstat");
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
        throw Error(
            ErrorKind::denied, file.string(),
            fmt::format("a secret key that others than its owner may use (mode {:04o})",
                        static_cast<unsigned>(status.st_mode & 07777)),
            fmt::format("chmod 600 {}; if others had it, make a new key and revoke this one", file.string()));
    SecretKey key = SecretKey::from_pem(base::read_all(*fd, file.string(), most_key_bytes), file.string());
    const std::string id = key.public_key().id();
    for (const RevokedKey& revoked : read_revoked_keys(context))
        if (revoked.id == id)
            throw Error(ErrorKind::trust, file.string(), fmt::format("key {} was revoked", id),
                        "sign with another key");
    return key;
}

std::vector<HostPath> own_secret_keys(const Context& context) {
    std::vector<HostPath> files;
    for (const RepositoryKey& key : list_keys(context))
        if (key.secret && !key.revoked)
            files.push_back(keys_directory(context) / (key.name + ".key"));
    return files;
}

} // namespace pkgjail::ops
