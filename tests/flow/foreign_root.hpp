// What tests of import --from share: a root made by hand beside a host, and what an import tells.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "flow/flow.hpp"

namespace pkgjail::test {

/// `text` as the whole of a file, with the directories above it.
void write_below(const std::filesystem::path& file, const std::string& text);
std::string text_of(const std::filesystem::path& file);

/// Web of a version, with a program and an example of its configuration.
PackageSpec foreign_web(const std::string& pkgname);
/// Puts a package into a prefix as pkg_add(1) leaves it.
void add_foreign(const std::filesystem::path& prefix, const PackageSpec& spec, bool automatic);

/// A root with web 1.0 and lib 1.0, and a repository that has web 1.1.
class Chroot {
  public:
    Chroot();

    const Host& host() const { return shop_.host(); }
    std::filesystem::path root() const { return directory_ / "root"; }
    std::filesystem::path prefix() const { return root() / "usr/pkg"; }
    /// import --from dir, of the root, as jail site.
    CommandResult import(std::vector<std::string> more = {}) const;
    /// The only jail's directory.
    std::filesystem::path jail() const;
    std::filesystem::path config() const { return jail() / "config/1/usr/pkg/etc"; }

  private:
    Shop shop_;
    TempDir directory_;
};

/// Of an import's document: what was taken, a line each; what was left, with the reason; and what to do
/// about one of these.
std::string taken(const CommandResult& result);
std::string left(const CommandResult& result);
std::string remedy(const CommandResult& result, const std::string& path);

} // namespace pkgjail::test
