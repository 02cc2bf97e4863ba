// Jails with a past, for tests of what their catalog is for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "flow/keeping.hpp"
#include "support/old_catalog.hpp"

namespace pkgjail::test {

/// Everything that a rebuilt catalog has to know again.
inline std::string knowledge(const Host& host) {
    std::string text;
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"list", "--json"},
                                               {"status", "--json"},
                                               {"history", "web", "--json"},
                                               {"snapshots", "--json"},
                                               {"limits", "other", "--json"},
                                               {"volume", "list", "--json"}})
        text += well(host, command).json().dump(1) + "\n";
    return text;
}

inline void remove_catalog(const Host& host) {
    remove_catalog(host.state() / "catalog.sqlite");
}

/// A jail with two generations and a snapshot, and a second jail.
class Lives {
  public:
    Lives() {
        jail_.upgrade("1.1");
        well(host(), {"snapshot", "web", "one"});
        well(host(), {"install", "extra", "-j", "other"});
        well(host(), {"hold", "extra", "-j", "other", "--reason", "not today"});
        well(host(), {"limits", "other", "memory=64M", "processes=7"});
        well(host(), {"volume", "attach", "other", "shared:/srv/data:ro"});
    }
    const Host& host() const { return jail_.host(); }
    const KeptJail& jail() const { return jail_; }

  private:
    KeptJail jail_;
};

inline std::string first_of(const std::filesystem::path& directory) {
    return std::filesystem::directory_iterator(directory)->path().string();
}

} // namespace pkgjail::test
