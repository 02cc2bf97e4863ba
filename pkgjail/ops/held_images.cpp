#include "pkgjail/ops/held_images.hpp"

#include "pkgjail/base/look.hpp"

namespace pkgjail::ops {

bool HeldImages::hold(const std::string& id, const std::string& build_key) {
    const auto [place, is_new] = locks_.try_emplace(id);
    std::optional<base::Lock>& lock = place->second;
    if (is_new) {
        lock = base::Lock::try_take(context_.layout.image_lock(build_key), base::LockMode::shared,
                                    context_.command_line);
        // Whoever removed it held the lock until its directory was gone.
        if (lock && !base::exists(context_.layout.image_tree(id)))
            lock.reset();
    }
    return lock.has_value();
}

} // namespace pkgjail::ops
