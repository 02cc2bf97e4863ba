// What a seed begins with, before any package's script has run: the directories and files that programs take
// for granted in /etc, /var, /home, /root.
#pragma once

#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

/// Fills the empty trees seed/config and seed/data. Account files are written by write_account_files.
void make_seed(const base::Tree& config, const base::Tree& data, const HostBase& base,
               const std::string& prefix);

} // namespace pkgjail::store
