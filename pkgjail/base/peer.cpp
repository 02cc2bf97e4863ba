#include "pkgjail/base/peer.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

uid_t peer_user(int socket) {
#ifdef __linux__
    struct ucred peer {};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        throw system_error(errno, "socket", "getsockopt SO_PEERCRED");
    return peer.uid;
#else
    uid_t user = 0;
    gid_t group = 0;
    if (::getpeereid(socket, &user, &group) != 0)
        throw system_error(errno, "socket", "getpeereid");
    return user;
#endif
}

} // namespace pkgjail::base
