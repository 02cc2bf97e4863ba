#include "pkgjail/base/accounts.hpp"

#include <pwd.h>
#include <unistd.h>

namespace pkgjail::base {

std::string host_user_name(std::uint32_t uid) {
    struct passwd entry {};
    struct passwd* found = nullptr;
    char buffer[16u << 10];
    if (::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr)
        return std::to_string(uid);
    return found->pw_name;
}

} // namespace pkgjail::base
