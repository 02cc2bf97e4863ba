// Who owns what pkgjail writes below the state directory.
#pragma once

#include <unistd.h>

#include "pkgjail/base/tree.hpp"

namespace pkgjail::store {

/// `wanted` when we are root. Otherwise ourselves, because nobody else can give files away: the store of an
/// ordinary user belongs to that user altogether.
inline base::Owner permitted_owner(base::Owner wanted = {}) {
    return ::geteuid() == 0 ? wanted : base::Owner{::geteuid(), ::getegid()};
}

} // namespace pkgjail::store
