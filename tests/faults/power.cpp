#include "faults/power.hpp"

#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pkgjail/base/file.hpp"

namespace pkgjail::test {

namespace fs = std::filesystem;

namespace {

using Number = std::int64_t; ///< of an inode, given out by us: the kernel's are used again

void must(bool done, const fs::path& path) {
    if (!done)
        throw std::runtime_error("cannot make " + path.string());
}

/// "NAME SIZE " and SIZE bytes for each.
std::map<std::string, std::string> attributes_from(const std::string& text) {
    std::map<std::string, std::string> attributes;
    std::istringstream stream(text);
    std::string name;
    for (std::size_t size = 0; stream >> name >> size;) {
        stream.get();
        std::string value(size, '\0');
        stream.read(value.data(), static_cast<std::streamsize>(size));
        attributes[name] = value;
    }
    return attributes;
}

} // namespace

std::map<std::string, std::string> attributes_of(const fs::path& path) {
    std::map<std::string, std::string> attributes;
    std::string names(64u << 10, '\0'), value(64u << 10, '\0');
    const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
    for (ssize_t at = 0; at < size;) {
        const std::string name = names.c_str() + at;
        at += static_cast<ssize_t>(name.size()) + 1;
        const ssize_t count = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
        must(count >= 0, path);
        attributes[name] = value.substr(0, static_cast<std::size_t>(count));
    }
    return attributes;
}

struct Disk::Inode {
    struct Write {
        bool cut = false; ///< a new length
        std::int64_t at = 0;
        std::string bytes;
    };
    struct Marks {
        mode_t mode = 0;
        uid_t uid = 0;
        gid_t gid = 0;
        struct timespec modified {};
        std::map<std::string, std::string> attributes; ///< extended ones
    };
    mode_t type = 0;    ///< and the mode that it was made with
    std::string target; ///< of a link
    std::string durable;
    Marks durable_marks;
    Marks marks;
    std::vector<Write> pending;

    static void perform(std::string& content, const Write& write) {
        const auto at = static_cast<std::size_t>(write.at);
        if (write.cut) {
            content.resize(at);
            return;
        }
        content.resize(std::max(content.size(), at + write.bytes.size()));
        content.replace(at, write.bytes.size(), write.bytes);
    }
    void sync() {
        for (const Write& write : pending)
            perform(durable, write);
        pending.clear();
        durable_marks = marks;
    }
};

/// One change of names in one or two directories.
struct Disk::Naming {
    struct Step {
        Number directory;
        std::string name;
        Number inode; ///< 0: the name goes
    };
    std::vector<Step> steps;
    bool touches(const std::set<Number>& directories) const {
        return std::any_of(steps.begin(), steps.end(),
                           [&](const Step& step) { return directories.contains(step.directory); });
    }
};

struct Disk::State {
    using Names = std::map<Number, std::map<std::string, Number>>;

    std::map<Number, Inode> inodes;
    std::map<std::int64_t, Number> by_kernel;
    Number last = 0;
    Number top = 0;
    Names durable_names;
    Names names;
    std::vector<Naming> pending;

    Number add(std::int64_t kernel, mode_t type) {
        by_kernel[kernel] = ++last;
        inodes[last].type = type;
        if (S_ISDIR(type)) {
            names[last];
            durable_names[last];
        }
        return last;
    }
    Number find(std::int64_t kernel) const {
        const auto found = by_kernel.find(kernel);
        return found == by_kernel.end() ? 0 : found->second;
    }
    static void perform(Names& all, const Naming& naming) {
        for (const Naming::Step& step : naming.steps)
            if (step.inode == 0)
                all[step.directory].erase(step.name);
            else
                all[step.directory][step.name] = step.inode;
    }
    void change_names(Naming naming) {
        perform(names, naming);
        pending.push_back(std::move(naming));
    }
    /// What has happened in the directory, and before that in any directory that has a part in it.
    void sync_names(Number directory) {
        std::set<Number> concerned = {directory};
        std::vector<Naming> still;
        std::vector<Naming> durable;
        for (auto at = pending.rbegin(); at != pending.rend(); ++at) {
            if (!at->touches(concerned)) {
                still.push_back(*at);
                continue;
            }
            for (const Naming::Step& step : at->steps)
                concerned.insert(step.directory);
            durable.push_back(*at);
        }
        for (auto at = durable.rbegin(); at != durable.rend(); ++at)
            perform(durable_names, *at);
        pending.assign(still.rbegin(), still.rend());
    }
    void load(const fs::path& path, Number directory) {
        for (const auto& entry : fs::directory_iterator(path)) {
            struct stat status {};
            must(::lstat(entry.path().c_str(), &status) == 0, entry.path());
            Number number = find(static_cast<std::int64_t>(status.st_ino));
            if (number == 0) {
                number = add(static_cast<std::int64_t>(status.st_ino), status.st_mode);
                Inode& inode = inodes[number];
                inode.marks = {status.st_mode, status.st_uid, status.st_gid, status.st_mtim,
                               attributes_of(entry.path())};
                inode.durable_marks = inode.marks;
                if (S_ISLNK(status.st_mode))
                    inode.target = fs::read_symlink(entry.path()).string();
                if (S_ISREG(status.st_mode))
                    inode.durable = base::read_file(entry.path(), 256u << 20);
                if (S_ISDIR(status.st_mode))
                    load(entry.path(), number);
            }
            names[directory][entry.path().filename().string()] = number;
            durable_names[directory][entry.path().filename().string()] = number;
        }
    }
};

Disk::Disk(const fs::path& directory) : state_(std::make_unique<State>()) {
    struct stat status {};
    must(::lstat(directory.c_str(), &status) == 0, directory);
    state_->top = state_->add(static_cast<std::int64_t>(status.st_ino), status.st_mode);
    Inode& top = state_->inodes[state_->top];
    top.marks = top.durable_marks = {status.st_mode, status.st_uid, status.st_gid, status.st_mtim,
                                     attributes_of(directory)};
    state_->load(directory, state_->top);
}

Disk::~Disk() = default;

void Disk::apply(const Change& change) {
    State& state = *state_;
    const auto number = [&](std::size_t index) { return change.numbers.at(index); };
    const std::size_t zero = change.bytes.find('\0');
    const std::string first = change.bytes.substr(0, zero);
    const std::string second = zero == std::string::npos ? "" : change.bytes.substr(zero + 1);
    if (change.word == "new") {
        const Number made = state.add(number(0), static_cast<mode_t>(number(2)));
        state.inodes[made].target = second;
        state.change_names({{{state.find(number(1)), first, made}}});
    } else if (change.word == "link") {
        state.change_names({{{state.find(number(1)), first, state.find(number(0))}}});
    } else if (change.word == "unlink") {
        state.change_names({{{state.find(number(0)), first, 0}}});
    } else if (change.word == "rename") {
        const Number from = state.find(number(0)), to = state.find(number(1));
        const Number what = state.names[from][first];
        if (what == 0 || to == 0)
            throw std::runtime_error("the log renames what it has not made: " + first);
        state.change_names({{{from, first, 0}, {to, second, what}}});
    } else if (change.word == "write" || change.word == "size") {
        state.inodes[state.find(number(0))].pending.push_back(
            {change.word == "size", number(1), change.bytes});
    } else if (change.word == "mark") {
        Inode& inode = state.inodes[state.find(number(0))];
        inode.marks = {static_cast<mode_t>(number(1)),
                       static_cast<uid_t>(number(2)),
                       static_cast<gid_t>(number(3)),
                       {number(4), static_cast<long>(number(5))},
                       std::move(inode.marks.attributes)};
    } else if (change.word == "attributes") {
        state.inodes[state.find(number(0))].marks.attributes = attributes_from(change.bytes);
    } else if (change.word == "sync") {
        const Number what = state.find(number(0));
        state.inodes[what].sync();
        if (S_ISDIR(state.inodes[what].type))
            state.sync_names(what);
    } else if (change.word == "syncall") {
        for (auto& [id, inode] : state.inodes)
            inode.sync();
        state.durable_names = state.names;
        state.pending.clear();
    } else {
        throw std::runtime_error("the log has \"" + change.word + "\"");
    }
}

void Disk::write_to(const fs::path& directory, Remains remains, unsigned seed) const {
    const State& state = *state_;
    std::minstd_rand chance(seed + 1);
    const auto happens = [&] { return remains == Remains::some && chance() % 2 == 0; };
    State::Names names = state.durable_names;
    if (remains == Remains::names)
        names = state.names;
    for (const Naming& naming : state.pending)
        if (happens())
            State::perform(names, naming);
    std::map<Number, fs::path> made;
    const auto set_marks = [](const fs::path& path, const Inode::Marks& marks, bool is_link) {
        must(::lchown(path.c_str(), marks.uid, marks.gid) == 0, path);
        if (!is_link)
            must(::chmod(path.c_str(), marks.mode & 07777) == 0, path);
        const struct timespec times[2] = {marks.modified, marks.modified};
        must(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, path);
        for (const auto& [name, value] : marks.attributes)
            must(::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0, path);
    };
    const auto make = [&](auto&& again, const fs::path& path, Number number) -> void {
        const Inode& inode = state.inodes.at(number);
        if (const auto other = made.find(number); other != made.end()) {
            if (!S_ISDIR(inode.type)) // a directory in two places would be the model's own doing
                fs::create_hard_link(other->second, path);
            return;
        }
        made[number] = path;
        const bool whole = remains == Remains::contents;
        Inode::Marks marks = whole || S_ISLNK(inode.type) ? inode.marks : inode.durable_marks;
        if (marks.mode == 0) // never synced: as its maker made it, and no more
            marks = {inode.type & 07777, ::geteuid(), ::getegid(), {}, {}};
        if (S_ISDIR(inode.type)) {
            fs::create_directory(path);
            if (const auto inside = names.find(number); inside != names.end())
                for (const auto& [name, child] : inside->second)
                    if (child != 0)
                        again(again, path / name, child);
        } else if (S_ISLNK(inode.type)) {
            fs::create_symlink(inode.target, path);
        } else {
            std::string content = inode.durable;
            for (const Inode::Write& write : inode.pending)
                if (whole || happens())
                    Inode::perform(content, write);
            std::ofstream(path, std::ios::binary) << content;
        }
        set_marks(path, marks, S_ISLNK(inode.type));
    };
    make(make, directory, state.top);
}

std::vector<Change> read_log(const fs::path& file) {
    std::vector<Change> log;
    std::ifstream stream(file, std::ios::binary);
    for (std::string line; std::getline(stream, line);) {
        std::istringstream words(line);
        Change change;
        words >> change.word;
        for (std::int64_t number = 0; words >> number;)
            change.numbers.push_back(number);
        change.bytes.resize(static_cast<std::size_t>(change.numbers.back()));
        change.numbers.pop_back();
        stream.read(change.bytes.data(), static_cast<std::streamsize>(change.bytes.size()));
        log.push_back(std::move(change));
    }
    return log;
}

std::vector<std::size_t> cuts_of(const std::vector<Change>& log) {
    std::set<std::size_t> cuts = {log.size()};
    for (std::size_t at = 0; at < log.size(); ++at)
        if (log[at].word == "sync" || log[at].word == "syncall" || log[at].word == "rename") {
            cuts.insert(at);
            cuts.insert(at + 1);
        }
    return {cuts.begin(), cuts.end()};
}

} // namespace pkgjail::test
