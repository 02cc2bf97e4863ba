// Who is at the other end of a unix socket.
#pragma once

#include <sys/types.h>

namespace pkgjail::base {

/// The user under which the other end of a connected unix socket called connect(), from the kernel. Throws
/// Error{system}.
uid_t peer_user(int socket);

} // namespace pkgjail::base
