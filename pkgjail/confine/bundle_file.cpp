#include "pkgjail/confine/bundle_file.hpp"

#include <fcntl.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::confine {

void write_bundle_file(const base::HostPath& path, const std::string& text) {
    const base::HostPath beside = path.string() + "." + base::random_hex(8);
    const base::Fd file = base::open_file(beside, O_WRONLY | O_CREAT | O_EXCL, 0600);
    std::error_code error;
    try {
        base::write_all(file.get(), text, path.string());
        std::filesystem::rename(beside, path, error);
        if (error)
            throw base::system_error(error.value(), path.string(), "rename to");
    } catch (...) {
        std::filesystem::remove(beside, error);
        throw;
    }
}

} // namespace pkgjail::confine
