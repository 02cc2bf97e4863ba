// What pkgjail.conf and repositories.conf share in being read.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/jail/config_file.hpp"

namespace pkgjail::jail {

/// Throws unless `url`, the value of `key`, is an address; a user name and a password in it are not repeated.
/// `with_files`: file:// is allowed.
void check_url(const SectionReader& reader, const std::string& key, const std::string& url, bool with_files);

/// Sections that may stand once; throws for the second.
void check_once(const std::vector<Section>& sections);

} // namespace pkgjail::jail
