// A host whose jails have no service, so that whole lives of jails need no runtime.
#pragma once

#include <string>
#include <vector>

#include "flow/flow.hpp"
#include "support/host_steps.hpp"

namespace pkgjail::test {

/// Packages web and lib in a first edition, a jail of web.
class KeptJail {
  public:
    KeptJail();
    const Host& host() const { return shop_.host(); }
    /// web in this version, known to the host; `lib` is the same in every edition.
    void offer(const std::string& version) const;
    void upgrade(const std::string& version) const;
    /// "[generations]" of pkgjail.conf.
    void keep(unsigned number, const std::string& span) const;
    /// "1 2*": the generations of jail web, the current one marked.
    std::string generations(const std::string& jail = "web") const;
    std::filesystem::path jail_directory(const std::string& jail = "web") const;

  private:
    Shop shop_;
};

/// Names in a directory, in byte order, a blank between two.
std::string names_in(const std::filesystem::path& directory);
/// What `du -s` says of a directory, in bytes.
std::uint64_t du_bytes(const std::filesystem::path& directory);

} // namespace pkgjail::test
