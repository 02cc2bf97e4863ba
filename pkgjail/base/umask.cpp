#include "pkgjail/base/umask.hpp"

#include <optional>

#include <sys/stat.h>

namespace pkgjail::base {

namespace {

constexpr mode_t own = 022;
std::optional<mode_t> of_caller;

} // namespace

void set_umask() {
    of_caller = ::umask(own);
}

UmaskOfCaller::UmaskOfCaller() noexcept {
    if (of_caller)
        ::umask(*of_caller);
}

UmaskOfCaller::~UmaskOfCaller() {
    if (of_caller)
        ::umask(own);
}

} // namespace pkgjail::base
