#include "pkgjail/store/staged.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/sync.hpp"

namespace pkgjail::store {

using base::HostPath;
using base::RootPath;
using base::Tree;

Staged::Staged(HostPath staging, HostPath place)
    : staging_(std::move(staging)), place_(std::move(place)), parent_(Tree::open(place_.parent_path())) {
    parent_.make_directory(name_of(staging_), 0700);
}

Staged::~Staged() {
    if (placed_)
        return;
    try {
        remove_frozen(staging_);
    } catch (const std::exception&) {
        // Nothing refers to it; the sweep of the next command tries again.
    }
}

Tree Staged::tree(const std::string& path) const {
    return parent_.open_tree(path.empty() ? name_of(staging_) : name_of(staging_) / path);
}

void Staged::place(const std::string& record_name, const std::string& record, const std::string& verb) {
    const Tree top = parent_.open_tree(name_of(staging_));
    top.write(RootPath::parse(record_name), record, 0600, permitted_owner());
    const RootPath data = RootPath::parse("data");
    if (top.exists(data))
        sync_with_data(top, top.open_tree(data));
    else
        base::sync_file_system(top.fd());
    base::step(verb + ".synced");
    move_frozen(staging_, place_);
    placed_ = true;
    base::step(verb + ".placed");
}

} // namespace pkgjail::store
