#include "pkgjail/store/staging.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

Staging::Staging(const Layout& layout)
    : images_(Tree::open(layout.images())), path_(layout.image_staging(base::random_hex(8))) {
    name_ = RootPath::parse(path_.filename().string());
    images_.make_directory(name_, 0700);
    try {
        fill();
    } catch (...) {
        images_.remove_all(name_);
        throw;
    }
}

void Staging::fill() {
    top_.emplace(images_.open_tree(name_));
    // Whatever the umask is, and whatever group the directory above hands on.
    for (const char* directory : {"/seed/config", "/seed/data", "/skeleton", "/unpack",
                                  "/tree/etc"}) // the prefix's configuration is mounted there
        top_->make_directories(RootPath::parse(directory));
    top_->make_directories(RootPath::parse("/tree") / pkgdb_path().relative());
    top_->make_directories(RootPath::parse("/tree") / pkgdb_refcount_path().relative());
}

Staging::~Staging() {
    if (sealed_)
        return;
    try {
        images_.remove_all(name_);
    } catch (const std::exception&) {
        // Nothing refers to it; sweep() tries again at the next command.
    }
}

RootPath Staging::unpack_directory(std::size_t index) {
    return RootPath::parse("/unpack") / std::to_string(index);
}

} // namespace pkgjail::store
