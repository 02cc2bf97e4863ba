// Named steps of the operations that change something. The crash tests stop a command at each of them.
#pragma once

#include <string_view>

namespace pkgjail::base {

/// Marks a point between two steps, for example "install.image_sealed". In builds with PKGJAIL_FAILPOINTS, a
/// process whose environment has PKGJAIL_STOP_AT equal to `name` kills itself (SIGKILL) here; PKGJAIL_FAIL_AT
/// makes it throw Error{system} "no space left" instead. In other builds it does nothing. With
/// PKGJAIL_STEP_LOG=FILE each name is appended to that file, so that a test can learn them all from a run.
void step(std::string_view name);

} // namespace pkgjail::base
