#include "pkgjail/store/committed.hpp"

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {
/// In the directory of a jail or snapshot.
constexpr const char* mark = "uncommitted";
} // namespace

void mark_uncommitted(const Tree& staged) {
    staged.write(RootPath::parse(mark), "", 0600, permitted_owner());
}

void mark_unwanted(const HostPath& directory) {
    if (!base::is_directory(directory))
        return;
    base::write_file_atomically(directory / mark, "");
    base::step("mark.made");
}

void mark_committed(const HostPath& directory) {
    if (!base::remove_entry(directory / mark))
        return;
    base::sync_directory(directory);
    base::step("mark.removed");
}

void remove_marked(const HostPath& path, const HostPath& trash) {
    move_frozen(path, trash);
    base::step("mark.trashed");
    remove_frozen(trash);
}

bool stays_unknown(const Tree& parent, const std::string& name) {
    const RootPath directory = RootPath().entry(name); // a directory listing may give any name
    const auto entry = parent.stat(directory);
    return entry && entry->is_directory() && !parent.open_tree(directory).exists(RootPath::parse(mark));
}

} // namespace pkgjail::store
