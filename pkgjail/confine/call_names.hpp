// The names of this platform's system calls, as the headers that pkgjail was built with have them. A newer
// kernel may have more; on NetBSD, where no filter uses them, there are none.
#pragma once

#include <string>
#include <vector>

namespace pkgjail::confine {

const std::vector<std::string>& call_names();
/// "unshare"; "call 999" for a number without a name.
std::string call_name(long number);

} // namespace pkgjail::confine
