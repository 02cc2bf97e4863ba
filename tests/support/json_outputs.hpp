// What commands print with --json, against the schemas that are shipped (etc/schemas).
#pragma once

#include <string>
#include <vector>

namespace pkgjail::test {

/// Holds what a command printed against the schema that the document names; nothing without --json among the
/// arguments. The schemas let later versions add fields; here a field that a schema does not know is a fault.
/// Throws std::runtime_error with a line for each fault.
void check_json_output(const std::vector<std::string>& arguments, const std::string& out);

} // namespace pkgjail::test
