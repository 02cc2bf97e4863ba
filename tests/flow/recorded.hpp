// Jails that are in the catalog and on no disk: for commands that only look.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/catalog/catalog.hpp"
#include "support/pkgjail_command.hpp"

namespace pkgjail::test {

/// The host's catalog, for writing; makes state directory and catalog when they are missing.
catalog::Catalog open_catalog(const Host& host);

/// An image of 1000 bytes with these packages.
std::string record_image(catalog::Catalog& catalog, const std::vector<std::string>& pkgnames);

/// A jail without a recipe on such an image; returns its id.
std::string record_jail(const Host& host, const std::string& name, const std::vector<std::string>& pkgnames);

/// Writes the log of a jail as a supervisor would; `lines` are records.
void write_log(const Host& host, const std::string& jail, const std::string& lines);

} // namespace pkgjail::test
