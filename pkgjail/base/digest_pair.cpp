#include "pkgjail/base/digest_pair.hpp"

namespace pkgjail::base {

void update_both(Digest& one, Digest& other, std::string_view bytes) {
    constexpr std::size_t slice_size = 128; // two blocks: less costs more calls than it saves
    while (!bytes.empty()) {
        const std::string_view slice = bytes.substr(0, slice_size);
        one.update(slice);
        other.update(slice);
        bytes.remove_prefix(slice.size());
    }
}

} // namespace pkgjail::base
