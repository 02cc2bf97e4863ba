#include "pkgjail/format/archive_library.hpp"

#include <exception>
#include <optional>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/shared_library.hpp"
#include "pkgjail/format/archive_loading.hpp"

namespace pkgjail::format {

namespace {

constexpr const char* library_name =
    PKGJAIL_LIBARCHIVE; ///< the SONAME of the one that pkgjail was built with

/// One try, with what came of it: another, after a process has confined itself, would fail for that reason.
struct Loaded {
    ArchiveLibrary functions{};
    std::optional<base::Error> failure;

    Loaded() {
        try {
            const base::SharedLibrary library(library_name, "archives are read and made with it");
#define PKGJAIL_LOOK_UP(name) library.look_up("archive_" #name, functions.name);
            PKGJAIL_LIBARCHIVE_FUNCTIONS(PKGJAIL_LOOK_UP)
#undef PKGJAIL_LOOK_UP
        } catch (const base::Error& error) {
            failure = error;
        }
    }
};

const Loaded& loaded() {
    static const Loaded once;
    return once;
}

} // namespace

const ArchiveLibrary& libarchive() {
    if (const auto& failure = loaded().failure)
        throw base::Error(*failure); // each one's own: who hands it on adds what was being done
    return loaded().functions;
}

void load_libarchive() noexcept {
    try {
        loaded();
    } catch (const std::exception&) {
        // Out of memory before it could be told why: the next call tries again.
    }
}

} // namespace pkgjail::format
