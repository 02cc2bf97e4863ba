// Whether an ordinary user can make jails here.
#pragma once

namespace pkgjail::confine {

/// Makes a user namespace and lets it go. Error{denied} says which setting of the host stands against it, and
/// what works without.
void check_user_namespaces();

} // namespace pkgjail::confine
