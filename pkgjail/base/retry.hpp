// System calls that a signal has cut short are made again.
#pragma once

#include <cerrno>

namespace pkgjail::base {

/// Makes the call until it is not interrupted (-1 with EINTR) any more. Not for close().
template <class Call>
auto retrying(Call&& call) {
    auto result = call();
    while (result < 0 && errno == EINTR)
        result = call();
    return result;
}

} // namespace pkgjail::base
