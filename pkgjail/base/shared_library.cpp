#include "pkgjail/base/shared_library.hpp"

#include <string>

#include <dlfcn.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

SharedLibrary::SharedLibrary(const char* name, const char* purpose)
    : name_(name), handle_(::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr)
        throw Error(ErrorKind::system, name,
                    std::string("cannot be loaded, and ") + purpose + ": " + ::dlerror(),
                    std::string(missing_library_hint));
}

void* SharedLibrary::address_of(const char* function_name) const {
    void* const address = ::dlsym(handle_, function_name);
    if (address == nullptr)
        throw Error(ErrorKind::system, name_, std::string("has no function ") + function_name,
                    std::string(unfit_library_hint));
    return address;
}

} // namespace pkgjail::base
