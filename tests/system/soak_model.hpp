// What the jails of the soak are after any number of operations: plain values, and the text that they are
// compared as. The model and the host both come to a World; nothing else of them is compared.
#pragma once

#include <map>
#include <set>
#include <string>

namespace pkgjail::soak {

/// One generation of a jail.
struct Generation {
    std::string version;       ///< of package svc
    std::string configuration; ///< a file in /etc, of which each generation has its own
    bool rolled_back = false;  ///< was tried and did not stay up
    bool good = true;          ///< stays up; no host can tell, so it is not shown
};

struct Snapshot {
    std::string version;
    std::string configuration;
    std::string data;
};

struct Jail {
    std::string state = "ready"; ///< or "stopped", and whatever a host may have besides
    std::string memory;          ///< its limit
    std::string data;            ///< a file in /var, which restore alone puts back
    int current = 1;
    std::map<int, Generation> generations;
    std::map<std::string, Snapshot> snapshots;
    int restores = 0; ///< what a restore leaves is named after the time; here "before-restore#1", "…#2"

    const Generation& generation() const { return generations.at(current); }
    int last() const { return generations.rbegin()->first; }
    /// Becomes generation() with the next number.
    void add(const Generation& next);
};

struct World {
    std::map<std::string, Jail> jails;
    std::multiset<std::string> kept; ///< data of jails that were destroyed without it
    std::set<std::string> strange;   ///< what lies on disk and belongs to nobody
};

std::string show(const std::string& name, const Jail& jail);
std::string show(const World& world);

/// The jails in which two worlds differ, as they are in `here`.
std::string show_difference(const World& here, const World& there);

} // namespace pkgjail::soak
