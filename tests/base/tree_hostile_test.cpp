// The walker against trees that somebody shaped to lead it out. Every case runs with openat2 and with our own
// walk.
#include "support/catch.hpp"

#include <csignal>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tree_fixture.hpp"

using namespace pkgjail::base;
using namespace pkgjail::test;

namespace {

const std::string refused = "corrupt: passes through a symbolic link";

/// All operations that take a path, on one path; those that were not refused, one a line.
std::string not_refused(const Tree& tree, const RootPath& path) {
    std::string text;
    auto attempt = [&](const char* name, const std::function<void()>& work) {
        std::string outcome = outcome_of(work);
        if (outcome != refused)
            text += std::string(name) + ": " + outcome + "\n";
    };
    attempt("open_regular", [&] { tree.open_regular(path); });
    attempt("open_tree", [&] { tree.open_tree(path); });
    attempt("read", [&] { tree.read(path); });
    attempt("list", [&] { tree.list(path); });
    attempt("set_permissions", [&] { tree.set_permissions(path, 0777); });
    return text;
}

/// The same for what works on an entry by its name, where only a link on the way counts.
std::string not_refused_on_the_way(const Tree& tree, const RootPath& path) {
    std::string text = not_refused(tree, path);
    auto attempt = [&](const char* name, const std::function<void()>& work) {
        std::string outcome = outcome_of(work);
        if (outcome != refused)
            text += std::string(name) + ": " + outcome + "\n";
    };
    attempt("stat", [&] { tree.stat(path); });
    attempt("create_file", [&] { tree.create_file(path); });
    attempt("write", [&] { tree.write(path, "evil", 0644, me()); });
    attempt("make_directory", [&] { tree.make_directory(path, 0755); });
    attempt("make_directories", [&] { tree.make_directories(path / "below"); });
    attempt("make_symlink", [&] { tree.make_symlink("x", path); });
    attempt("make_hard_link to", [&] { tree.make_hard_link(tree, at("/plain"), path); });
    attempt("make_hard_link from", [&] { tree.make_hard_link(tree, path, at("/stolen")); });
    attempt("rename_into to", [&] { tree.rename_into(at("/plain"), tree, path); });
    attempt("rename_into from", [&] { tree.rename_into(path, tree, at("/stolen")); });
    attempt("set_owner", [&] { tree.set_owner(path, me()); });
    attempt("set_modification_time", [&] { tree.set_modification_time(path, {1, 0}); });
    attempt("remove_file", [&] { tree.remove_file(path); });
    attempt("remove_all", [&] { tree.remove_all(path); });
    return text;
}

/// Puts a directory and a link to the canary under the same name in turn, as fast as it can, until it is
/// ended.
class Swapper {
  public:
    Swapper(const HostPath& name, const HostPath& link_target) {
        HostPath real = name.string() + ".real", link = name.string() + ".link";
        std::filesystem::create_directory(name);
        std::filesystem::create_symlink(link_target, link);
        pid_ = ::fork();
        if (pid_ == 0) {
            for (;;) {
                ::rename(name.c_str(), real.c_str());
                ::rename(link.c_str(), name.c_str());
                ::rename(name.c_str(), link.c_str());
                ::rename(real.c_str(), name.c_str());
            }
        }
    }
    Swapper(const Swapper&) = delete;
    Swapper& operator=(const Swapper&) = delete;
    ~Swapper() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

  private:
    pid_t pid_ = -1;
};

} // namespace

TEST_CASE("a link at the end of a path is not followed", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.link((at_work.canary() / "file").string(), "absolute");
    at_work.link("../canary/file", "relative");
    at_work.link(at_work.canary().string(), "directory");
    at_work.link("/nowhere", "dangling");
    at_work.link("loop", "loop");
    at_work.link("plain", "inside");
    at_work.tree.write(at("/plain"), "plain", 0600, me());

    for (const char* name : {"/absolute", "/relative", "/directory", "/dangling", "/loop", "/inside"}) {
        CAPTURE(name);
        CHECK(not_refused(at_work.tree, at(name)) == "");
    }
    CHECK(at_work.tree.stat(at("/directory"))->is_symlink());
    CHECK(at_work.tree.stat(at("/relative"))->link_target == "../canary/file");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("writing and removing take a link at the end for what it is", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.link((at_work.canary() / "file").string(), "a");
    at_work.link(at_work.canary().string(), "b");
    at_work.link(at_work.canary().string(), "c");

    at_work.tree.write(at("/a"), "ours", 0600, me());
    at_work.tree.remove_file(at("/b"));
    at_work.tree.remove_all(at("/c"));

    CHECK(at_work.tree.read(at("/a")) == "ours");
    CHECK(shape(at_work.tree) == "/a\n");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("a link in the middle of a path stops every operation", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directories(at("/d/e"));
    at_work.tree.write(at("/plain"), "plain", 0600, me());
    at_work.tree.write(at("/d/e/file"), "inside", 0600, me());
    at_work.link(at_work.canary().string(), "absolute");
    at_work.link("../canary", "relative");
    at_work.link("../../../canary", "d/e/up");
    at_work.link("/", "root");
    at_work.link("d/e", "inner");

    for (const char* name : {"/absolute/file", "/relative/file", "/d/e/up/file", "/root/tmp/file",
                             "/inner/file", "/absolute/deeper/file"}) {
        CAPTURE(name);
        CHECK(not_refused_on_the_way(at_work.tree, at(name)) == "");
    }
    CHECK_FALSE(at_work.tree.exists(at("/stolen")));
    CHECK(at_work.tree.read(at("/plain")) == "plain");
    CHECK(at_work.tree.read(at("/d/e/file")) == "inside");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("walking, copying and removing do not go through links", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directory(at("/d"), 0755);
    at_work.link(at_work.canary().string(), "d/out");
    Tree copy = Tree::create(at_work.top().string() + "-copy");

    at_work.tree.copy_into(copy);
    const std::string expected = "/d/\n/d/out -> " + at_work.canary().string() + "\n";

    CHECK(shape(at_work.tree) == expected);
    CHECK(shape(copy) == expected);
    at_work.tree.remove_all(at("/d"));
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("copying refuses links in the target's way", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directory(at("/d"), 0755);
    at_work.tree.write(at("/d/file"), "evil", 0644, me());
    at_work.tree.write(at("/other"), "evil", 0644, me());
    Tree target = Tree::create(at_work.top().string() + "-copy");
    target.make_symlink((at_work.canary() / "other").string(), at("/other"));
    target.make_symlink(at_work.canary().string(), at("/d"));

    CHECK(outcome_of([&] { at_work.tree.copy_into(target); }) == "conflict: exists and is not a directory");
    target.remove_file(at("/d"));
    at_work.tree.copy_into(target);

    CHECK(target.read(at("/other")) == "evil");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("what is no regular file is refused at once", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    REQUIRE(::mkfifo((at_work.top() / "fifo").c_str(), 0666) == 0);
    at_work.link("fifo", "to-fifo");
    at_work.link("/dev/zero", "to-zero");
    at_work.tree.make_directory(at("/d"), 0755);

    CHECK(outcome_of([&] { at_work.tree.read(at("/fifo")); }) ==
          "corrupt: is neither a file nor a directory");
    CHECK(outcome_of([&] { at_work.tree.set_permissions(at("/fifo"), 0600); }) ==
          "corrupt: is neither a file nor a directory");
    CHECK(outcome_of([&] { at_work.tree.read(at("/to-fifo")); }) == refused);
    CHECK(outcome_of([&] { at_work.tree.read(at("/to-zero")); }) == refused);
    CHECK(outcome_of([&] { at_work.tree.read(at("/d")); }) == "corrupt: is not a regular file");
    CHECK(outcome_of([&] { at_work.tree.open_tree(at("/fifo")); }).starts_with("corrupt"));
    CHECK(outcome_of([&] { at_work.tree.list(at("/fifo/x")); }).starts_with("corrupt"));
}

TEST_CASE("a file of ten gibibytes is refused before anything of it is read", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    Fd file = at_work.tree.create_file(at("/huge"));
    REQUIRE(::ftruncate(file.get(), off_t(10) << 30) == 0);

    CHECK(outcome_of([&] { at_work.tree.read(at("/huge")); }) ==
          "corrupt: is longer than 16777216 bytes, the most that is read of it");
}

TEST_CASE("names that no path may have are walked, copied and removed", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    for (const char* name : {"a\nb", "\x1b[2J", "\xff", " "})
        write_file_atomically(at_work.top() / name, "x");
    std::filesystem::create_directories(at_work.top() / "d\n" / "e\r");
    Tree copy = Tree::create(at_work.top().string() + "-copy");

    at_work.tree.copy_into(copy);

    CHECK(shape(copy) == "/\x1b[2J\n/ \n/a\nb\n/d\n/\n/d\n/e\r/\n/\xff\n");
    at_work.tree.remove_all(at("/"));
    CHECK(shape(at_work.tree).empty());
}

TEST_CASE("directories nested deeper than any path are removed with few descriptors",
          "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    int status = status_of_child([&] {
        struct rlimit limit {
            128, 128
        };
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || ::chdir(at_work.top().c_str()) != 0)
            return 2;
        const std::string name(200, 'n');
        for (int level = 0; level < 300; ++level)
            if (::mkdir(name.c_str(), 0700) != 0 || ::chdir(name.c_str()) != 0)
                return 3;
        at_work.tree.remove_all(at("/" + name));
        return at_work.tree.list(at("/")).empty() ? 0 : 4;
    });

    CHECK(status == 0);
}

TEST_CASE("directories that are closed to their owner are removed", "[base][tree][hostile]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.make_directories(at("/a/b"));
    at_work.tree.write(at("/a/b/f"), "", 0600, me());
    at_work.tree.set_permissions(at("/a/b"), 0000);
    at_work.tree.set_permissions(at("/a"), 0555);

    at_work.tree.remove_all(at("/a"));

    CHECK(shape(at_work.tree).empty());
}

TEST_CASE("a directory that keeps turning into a link never leads out", "[base][tree][hostile][race]") {
    TreeFixture at_work(GENERATE(false, true));
    at_work.tree.write(at("/plain"), "plain", 0600, me());
    int done = 0, refused_count = 0;
    std::string escaped;
    {
        Swapper swapper(at_work.top() / "d", at_work.canary());
        for (int round = 0; round < 1000; ++round) {
            auto attempt = [&](const std::function<void()>& work) {
                ++(outcome_of(work) == "done" ? done : refused_count);
            };
            attempt([&] { at_work.tree.write(at("/d/file"), "inside", 0600, me()); });
            attempt([&] {
                std::string content = at_work.tree.read(at("/d/file"));
                if (content != "inside")
                    escaped = content;
            });
            attempt([&] { at_work.tree.set_permissions(at("/d/file"), 0600); });
            attempt([&] { at_work.tree.set_modification_time(at("/d/file"), {1, 0}); });
            attempt([&] { at_work.tree.make_directories(at("/d/new/er")); });
            attempt([&] { at_work.tree.remove_all(at("/d/new")); });
            attempt([&] {
                at_work.tree.walk([&](const Entry& entry) {
                    if (entry.path.name() == "other")
                        escaped = entry.path.str();
                    return true;
                });
            });
            attempt([&] { at_work.tree.remove_file(at("/d/other")); });
        }
    }

    INFO(done << " operations done, " << refused_count << " refused");
    CHECK(done > 0);
    CHECK(escaped == "");
    CHECK(at_work.canary_is_intact());
}

TEST_CASE("removing a directory that keeps turning into a link removes nothing else",
          "[base][tree][hostile][race]") {
    TreeFixture at_work(GENERATE(false, true));
    Swapper swapper(at_work.top() / "d", at_work.canary());
    int done = 0;
    for (int round = 0; round < 1500; ++round) {
        done += outcome_of([&] { at_work.tree.remove_all(at("/d")); }) == "done" ? 1 : 0;
        ::mkdir((at_work.top() / "d").c_str(), 0755);
        ::symlink(at_work.canary().c_str(), (at_work.top() / "d.link").c_str());
    }

    CHECK(done > 0);
    CHECK(at_work.canary_is_intact());
}
