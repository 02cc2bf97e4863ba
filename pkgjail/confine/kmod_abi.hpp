// The control interface of the kernel module as its own header declares it, and how a request begins. The
// header is shared with the kernel, so it stands in kmod/.
#pragma once

#include <cstdint>

#include <kmod/pkgjail_ioctl.h>

namespace pkgjail::confine {

/// A structure of the interface with its header filled in and everything else zero.
template <class T>
T kmod_request() {
    T request{};
    request.header.version = PKGJAIL_ABI;
    request.header.size = static_cast<std::uint32_t>(sizeof(T));
    return request;
}

} // namespace pkgjail::confine
