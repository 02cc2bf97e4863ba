#include "pkgjail/format/archive_library.hpp"

#include <exception>

#include "pkgjail/base/shared_library.hpp"

namespace pkgjail::format {

namespace {

constexpr const char* library_name =
    PKGJAIL_LIBARCHIVE; ///< the SONAME of the one that pkgjail was built with

/// One try, with what came of it: another, after a process has confined itself, would fail for that reason.
struct Loaded {
    ArchiveLibrary functions{};
    std::exception_ptr failure;

    Loaded() noexcept {
        try {
            const base::SharedLibrary library(library_name, "archives are read and made with it");
#define PKGJAIL_LOOK_UP(name) library.look_up("archive_" #name, functions.name);
            PKGJAIL_LIBARCHIVE_FUNCTIONS(PKGJAIL_LOOK_UP)
#undef PKGJAIL_LOOK_UP
        } catch (...) {
            failure = std::current_exception();
        }
    }
};

const Loaded& loaded() noexcept {
    static const Loaded once;
    return once;
}

} // namespace

const ArchiveLibrary& libarchive() {
    if (loaded().failure)
        std::rethrow_exception(loaded().failure);
    return loaded().functions;
}

void load_libarchive() noexcept {
    loaded();
}

} // namespace pkgjail::format
