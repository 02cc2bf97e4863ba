// What `lock` writes and `install --locked` reads: everything that an image of a jail is made from, as text
// in JSON that stays the same as long as the jail does. pkgjail-lock(8) describes it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::ops {

struct LockedPackage {
    std::string pkgname;
    std::string sha256; ///< of the archive
    bool automatic = false;
    std::string repository; ///< where it came from; empty: a file given by the operator
    std::string trust;      ///< by what it was believed, for people; empty: not known
    bool operator==(const LockedPackage&) const = default;
};

struct LockFile {
    std::string jail;
    std::string recipe; ///< empty: none
    std::string limits; ///< template
    std::map<std::string, std::string> settings;
    std::string image;
    std::string base;
    std::string prefix;
    std::string setid; ///< as in pkgjail.conf
    bool scripts = true;
    std::vector<std::string> wishes;
    std::vector<LockedPackage> packages; ///< in the order of installation
    std::map<std::string, std::uint32_t> users;
    std::map<std::string, std::uint32_t> groups;
    bool operator==(const LockFile&) const = default;
};

std::string lock_text(const LockFile& lock);
/// Error{corrupt} naming the field for what lock_text does not write; unknown fields are passed over.
LockFile parse_lock(std::string_view text, const std::string& file);

} // namespace pkgjail::ops
