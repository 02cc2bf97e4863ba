// The safe walker over a directory that somebody hostile changes between any two of its calls: bytes are a
// list of acts, the hostile's and ours. Whatever they are, nothing outside the tree is changed or shown.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "fuzz/fuzz.hpp"
#include "pkgjail/base/tree.hpp"
#include "support/package_writer.hpp"

namespace pkgjail::fuzz {

namespace {

using base::RootPath;
using base::Tree;

/// Directories of a test, in memory where there is such a file system.
class Place {
  public:
    Place() {
        std::string name =
            std::filesystem::exists("/dev/shm") ? "/dev/shm/pkgjail-fuzz-XXXXXX" : "/tmp/pkgjail-fuzz-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            broken("a directory can be made");
        top_ = name;
        for (const char* directory : {"outside", "tree", "copy"})
            std::filesystem::create_directory(top_ / directory);
        test::write_bytes(top_ / "outside/secret", canary);
        ::chmod((top_ / "outside/secret").c_str(), 0640);
        state_ = outside();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
        std::error_code error;
        std::filesystem::remove_all(top_, error);
    }

    std::filesystem::path path(const char* below) const { return top_ / below; }
    void check() const { promise(outside() == state_, "nothing outside the tree is changed"); }
    static constexpr const char* canary = "the canary of the outside";

  private:
    /// Names, modes, owners, link counts, times and contents.
    std::string outside() const {
        std::string text;
        for (const char* name : {"outside", "outside/secret"}) {
            struct stat status {};
            if (::lstat((top_ / name).c_str(), &status) != 0)
                return "gone";
            text += std::to_string(status.st_mode) + " " + std::to_string(status.st_nlink) + " " +
                    std::to_string(status.st_uid) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
                    std::to_string(status.st_mtim.tv_nsec) + "\n";
        }
        for (const auto& entry : std::filesystem::directory_iterator(top_ / "outside"))
            text += entry.path().filename().string() + "\n";
        return text + test::read_bytes(top_ / "outside/secret");
    }

    std::filesystem::path top_;
    std::string state_;
};

constexpr std::array<const char*, 8> names = {"a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "b/b/secret"};
constexpr std::array<const char*, 8> link_targets = {
    "../outside", "../outside/secret", "/dev/shm", "..", ".", "a", "b/secret", "../../outside"};

/// The directory of a name, reached through no link, so that this test's own hostile acts stay inside; -1:
/// there is none.
base::Fd parent_of(const std::filesystem::path& tree, std::string_view name) {
    base::Fd fd(::open(tree.c_str(), O_DIRECTORY | O_CLOEXEC));
    for (std::size_t slash; fd && (slash = name.find('/')) != std::string_view::npos;
         name.remove_prefix(slash + 1))
        fd = base::Fd(::openat(fd.get(), std::string(name.substr(0, slash)).c_str(),
                               O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return fd;
}

/// Most acts are not possible where they are tried, and that is fine.
void hostile(const std::filesystem::path& tree, unsigned act, unsigned first, unsigned second) {
    const std::string one = names[first % names.size()], two = names[second % names.size()];
    const base::Fd in_one = parent_of(tree, one), in_two = parent_of(tree, two);
    if (!in_one || !in_two)
        return;
    const std::string leaf = one.substr(one.rfind('/') + 1), other = two.substr(two.rfind('/') + 1);
    switch (act % 6) {
    case 0:
        ::mkdirat(in_one.get(), leaf.c_str(), 0755);
        break;
    case 1:
        base::Fd(::openat(in_one.get(), leaf.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
        break;
    case 2:
        static_cast<void>(
            ::symlinkat(link_targets[second % link_targets.size()], in_one.get(), leaf.c_str()));
        break;
    case 3:
        ::mkfifoat(in_one.get(), leaf.c_str(), 0600);
        break;
    case 4:
        ::renameat(in_one.get(), leaf.c_str(), in_two.get(), other.c_str());
        break;
    default:
        if (::unlinkat(in_one.get(), leaf.c_str(), 0) != 0)
            ::unlinkat(in_one.get(), leaf.c_str(), AT_REMOVEDIR);
    }
}

void ours(const Tree& tree, const Tree& copy, unsigned act, unsigned first, unsigned second) {
    const RootPath one = RootPath::parse(std::string("/") + names[first % names.size()]);
    const RootPath two = RootPath::parse(std::string("/") + names[second % names.size()]);
    switch (act % 14) {
    case 0:
        tree.stat(one);
        break;
    case 1:
        promise(tree.read(one, 4096).find(Place::canary) == std::string::npos, "nothing outside is read");
        break;
    case 2:
        tree.write(one, "ours", 0644, {::geteuid(), ::getegid()});
        break;
    case 3:
        tree.make_directory(one, 0700);
        break;
    case 4:
        tree.make_directories(one);
        break;
    case 5:
        tree.make_symlink("../outside", one);
        break;
    case 6:
        tree.make_hard_link(tree, one, two);
        break;
    case 7:
        tree.rename_into(one, copy, two);
        break;
    case 8:
        tree.set_permissions(one, 0711);
        break;
    case 9:
        tree.remove_file(one);
        break;
    case 10:
        tree.remove_all(one);
        break;
    case 11:
        tree.walk([&](const base::Entry& entry) {
            promise(entry.path.str().find("secret") == std::string::npos || !entry.is_file() ||
                        entry.status.st_size < 10,
                    "nothing outside is shown");
            return true;
        });
        break;
    case 12:
        tree.copy_into(copy);
        break;
    default:
        tree.list(one);
    }
}

} // namespace

void tree(std::string_view bytes) {
    const Place place;
    const Tree tree = Tree::open(place.path("tree")), copy = Tree::open(place.path("copy"));
    for (unsigned acts = 0; bytes.size() >= 3 && acts < 200; ++acts) {
        const unsigned act = next_byte(bytes), first = next_byte(bytes), second = next_byte(bytes);
        if (act < 128)
            hostile(place.path("tree"), act, first, second);
        else
            accepted([&] { ours(tree, copy, act, first, second); });
        place.check();
    }
}

/// A link out in the place of a directory, and each act of ours through it and after it.
std::vector<std::string> tree_seeds() {
    std::vector<std::string> seeds;
    for (unsigned act = 0; act < 14; ++act) {
        const char ours = static_cast<char>(140 + act); // 140 is a multiple of 14
        seeds.push_back({0, 0, 0, 1, 2, 0, 2, 1, 0, 2, 3, 1, ours, 1, 3, ours, 7, 2, ours, 0, 1});
    }
    return seeds;
}

} // namespace pkgjail::fuzz
