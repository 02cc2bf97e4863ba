// Whether two sockets bound to these addresses, same protocol and port, would be in each other's way.
#pragma once

#include <string>

namespace pkgjail::catalog {

/// "" and "::" overlap everything, "0.0.0.0" every IPv4 address; "::ffff:192.0.2.1" is 192.0.2.1. What is no
/// address (a host name) overlaps the wildcards and its equal.
bool addresses_overlap(const std::string& a, const std::string& b);

} // namespace pkgjail::catalog
