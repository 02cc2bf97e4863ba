#include "driver/fake_host.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "pkgjail/confine/kmod_abi.hpp"

namespace kmod_test {

using namespace pkgjail::confine;
using pkgjail::base::HostPath;

namespace {

/// Makes another process current for a scope.
class As {
  public:
    explicit As(proc* process) : before_(world_as(world_lwp(process))) {}
    ~As() { world_as(before_); }
    As(const As&) = delete;
    As& operator=(const As&) = delete;

  private:
    lwp* before_;
};

constexpr int fake_descriptors = 128;

} // namespace

int host_errno(int netbsd_error) {
    static const std::map<std::string, int> numbers = {
        {"ok", 0},          {"EPERM", EPERM},           {"ENOENT", ENOENT},        {"ESRCH", ESRCH},
        {"EINTR", EINTR},   {"ENXIO", ENXIO},           {"EBADF", EBADF},          {"ENOMEM", ENOMEM},
        {"EACCES", EACCES}, {"EFAULT", EFAULT},         {"EBUSY", EBUSY},          {"EEXIST", EEXIST},
        {"EXDEV", EXDEV},   {"ENODEV", ENODEV},         {"ENOTDIR", ENOTDIR},      {"EINVAL", EINVAL},
        {"EMFILE", EMFILE}, {"ENOTTY", ENOTTY},         {"ENOSPC", ENOSPC},        {"EAGAIN", EAGAIN},
        {"ESTALE", ESTALE}, {"EADDRINUSE", EADDRINUSE}, {"EPROGMISMATCH", EPROTO},
    };
    const auto found = numbers.find(world_error(netbsd_error));
    if (found == numbers.end())
        std::abort(); // the fake gave an error that no test has seen: give it a name
    return found->second;
}

Machine::Machine(bool module_loaded) {
    world_begin(2);
    if (module_loaded && world_load() != 0)
        std::abort();
}

Machine::~Machine() {
    // What a test left, so that unloading can say what nobody ever released.
    on_act = nullptr;
    failing_requests.clear();
    if (world_loaded()) {
        world_as(world_lwp(world_init()));
        int control = -1;
        if (world_open_device(&control) != 0)
            std::abort();
        std::vector<pkgjail_stat> jails(64);
        auto list = kmod_request<pkgjail_list>();
        list.buffer = reinterpret_cast<std::uintptr_t>(jails.data());
        list.capacity = 64;
        world_ioctl(control, PKGJAIL_IOC_LIST, &list);
        for (std::uint32_t i = 0; i < list.count; ++i) {
            auto end = kmod_request<pkgjail_signal>();
            end.ref = jails[i].ref;
            end.signo = 9;
            end.flags = PKGJAIL_SIGNAL_END;
            world_ioctl(control, PKGJAIL_IOC_SIGNAL, &end);
            world_run(500);
            auto destroy = kmod_request<pkgjail_destroy>();
            destroy.ref = jails[i].ref;
            world_ioctl(control, PKGJAIL_IOC_DESTROY, &destroy);
        }
        world_close(control);
        if (world_unload() != 0)
            std::abort();
    }
    for (const Mounted& mounted : mounts_)
        world_rmdir(mounted.top);
    world_end();
}

vnode* Machine::find(const std::string& target) const {
    for (auto mounted = mounts_.rbegin(); mounted != mounts_.rend(); ++mounted)
        if (mounted->target == target)
            return mounted->top;
    return nullptr;
}

std::vector<proc*> Machine::inside(const std::string& name) const {
    std::vector<proc*> found;
    const As as(world_init());
    int control = -1;
    if (!world_loaded() || world_open_device(&control) != 0)
        return found;
    std::vector<pkgjail_stat> jails(64);
    auto list = kmod_request<pkgjail_list>();
    list.buffer = reinterpret_cast<std::uintptr_t>(jails.data());
    list.capacity = 64;
    world_ioctl(control, PKGJAIL_IOC_LIST, &list);
    world_close(control);
    for (std::uint32_t i = 0; i < list.count; ++i)
        for (proc* process : entered_)
            if (name == jails[i].name && !world_is_zombie(process) &&
                world_jail_of(process) == jails[i].ref.id)
                found.push_back(process);
    return found;
}

std::string Machine::show() const {
    std::string text;
    if (world_loaded()) {
        const As as(world_init());
        int control = -1;
        if (world_open_device(&control) != 0)
            return "no device\n";
        std::vector<pkgjail_stat> jails(64);
        auto list = kmod_request<pkgjail_list>();
        list.buffer = reinterpret_cast<std::uintptr_t>(jails.data());
        list.capacity = 64;
        world_ioctl(control, PKGJAIL_IOC_LIST, &list);
        world_close(control);
        for (std::uint32_t i = 0; i < list.count; ++i)
            text += std::string("jail ") + jails[i].name +
                    (jails[i].state == PKGJAIL_STATE_LIVE ? " live " : " ending ") +
                    std::to_string(jails[i].processes) +
                    ((jails[i].flags & PKGJAIL_IS_PAUSED) != 0 ? " paused" : "") + "\n";
    }
    for (const Mounted& mounted : mounts_)
        text += "mount " + mounted.target.substr(mounted.target.find("/run/kmod/") + 10) + "\n";
    return text;
}

FakeHost::FakeHost(Machine& machine) : machine_(machine), command_(world_process(0)) {}

FakeHost::~FakeHost() {
    const As as(command_);
    world_exit(); // closes its descriptors
}

void FakeHost::act(const std::string& what) {
    if (machine_.on_act)
        machine_.on_act(what);
}

std::optional<std::int64_t> FakeHost::sysctl_number(const std::string& name) {
    if (name == "kern.securelevel")
        return machine_.securelevel;
    const std::string prefix = PKGJAIL_SYSCTL ".";
    if (!world_loaded() || name.rfind(prefix, 0) != 0)
        return std::nullopt;
    if (name == prefix + "version" && machine_.version)
        return machine_.version;
    const As as(command_);
    std::int32_t value = 0;
    std::size_t size = sizeof value;
    if (world_sysctl(name.c_str() + prefix.size(), &value, &size, nullptr, 0) != 0)
        return std::nullopt;
    return value;
}

std::optional<std::string> FakeHost::load_module(const std::string& module) {
    act("load " + module);
    if (!machine_.modules.contains(module))
        return "No such file or directory";
    machine_.log += "load " + module + "\n";
    const As as(command_);
    return world_load() == 0 ? std::nullopt : std::optional<std::string>("Operation not permitted");
}

std::vector<std::string> FakeHost::module_candidates() {
    return {"/usr/pkg/lib/pkgjail/pkgjail.kmod", "pkgjail"};
}

std::optional<std::uint64_t> FakeHost::device_node() {
    return machine_.node;
}

int FakeHost::make_device_node(std::uint32_t major) {
    act("mknod");
    if (machine_.failing_requests.contains(0))
        return machine_.failing_requests.at(0);
    machine_.log += "mknod " + std::to_string(major) + "\n";
    machine_.node = std::uint64_t{major} << 8;
    return 0;
}

int FakeHost::open_device() {
    act("open");
    if (!machine_.node)
        return ENOENT;
    if (netbsd_major(*machine_.node) != 210)
        return ENXIO;
    const As as(command_);
    return host_errno(world_open_device(&device_));
}

int FakeHost::request(unsigned long number, void* data) {
    act("request " + std::to_string(number & 0xff));
    const auto failing = machine_.failing_requests.find(number);
    if (failing != machine_.failing_requests.end())
        return failing->second;
    const As as(command_);
    return host_errno(world_ioctl(device_, number, data));
}

RootFacts FakeHost::facts(const JailSpec&) {
    RootFacts facts;
    std::uint64_t minor = 2;
    for (const JailDevice& device : jail_devices())
        facts.devices.push_back({device, std::uint64_t{2} << 8 | minor++});
    return facts;
}

int FakeHost::carry_out(const RootStep& step) {
    const std::string text = confine::show(step);
    act(text);
    if (!machine_.failing_step.empty() && text.find(machine_.failing_step) != std::string::npos)
        return EIO;
    if (!step.is_mount())
        return machine_.find(step.target) != nullptr ? 0 : ENOENT;
    // The nearest mount above it; the first one stands on the host's own file system.
    vnode* parent = world_root();
    std::size_t longest = 0;
    for (const auto& mounted : machine_.mounts_)
        if (step.target.rfind(mounted.target, 0) == 0 && mounted.target.size() >= longest) {
            parent = mounted.top;
            longest = mounted.target.size();
        }
    machine_.mounts_.push_back({step.target, world_mkdir(parent)});
    return 0;
}

int FakeHost::unmount(const std::string& target, bool force) {
    act("unmount " + target);
    const auto found =
        std::find_if(machine_.mounts_.rbegin(), machine_.mounts_.rend(),
                     [&](const Machine::Mounted& mounted) { return mounted.target == target; });
    if (found == machine_.mounts_.rend())
        return EINVAL;
    for (const auto& other : machine_.mounts_)
        if (other.target.size() > target.size() && other.target.rfind(target + "/", 0) == 0)
            return EBUSY; // force does not help against what is mounted on it
    if (world_vnode_refs(found->top) > 1) {
        // The kernel's jail, or a process, has it as its root.
        if (!force)
            return EBUSY;
        machine_.log += "forced " + target.substr(target.find("/run/kmod/") + 10) + "\n";
    } else if (machine_.busy_unmounts > 0) {
        --machine_.busy_unmounts;
        return EBUSY;
    }
    world_rmdir(found->top);
    machine_.mounts_.erase(std::next(found).base());
    return 0;
}

std::vector<std::string> FakeHost::mounts_below(const HostPath& directory) {
    std::vector<std::string> points;
    for (const auto& mounted : machine_.mounts_)
        if (mounted.target == directory.string() || mounted.target.rfind(directory.string() + "/", 0) == 0)
            points.push_back(mounted.target);
    return points;
}

int FakeHost::open_directory(const HostPath& directory) {
    act("open root");
    vnode* top = machine_.find(directory.string());
    if (top == nullptr)
        return -ENOENT;
    const As as(command_);
    int number = -1;
    const int error = world_open(top, &number);
    return error != 0 ? -host_errno(error) : number;
}

void FakeHost::close_directory(int number) {
    const As as(command_);
    world_close(number);
}

std::optional<std::string> FakeHost::operator_file(const HostPath& path) {
    const auto found = machine_.operator_files.find(path.string());
    return found == machine_.operator_files.end() ? std::nullopt : std::optional<std::string>(found->second);
}

void FakeHost::pause(std::chrono::milliseconds time) {
    world_run(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 1)));
}

int FakeHost::read_rlimit(pid_t pid, unsigned number, ProcessRlimit& found) {
    proc* process = pid == 0 ? command_ : world_find(pid);
    if (process == nullptr || world_is_zombie(process))
        return ESRCH;
    found = {world_soft_rlimit(process, static_cast<int>(number)),
             world_rlimit(process, static_cast<int>(number))};
    return 0;
}

int FakeHost::set_rlimit(pid_t pid, unsigned number, const ProcessRlimit& wanted) {
    act("set rlimit");
    if (machine_.rlimit_error != 0)
        return machine_.rlimit_error;
    proc* process = pid == 0 ? command_ : world_find(pid);
    if (process == nullptr || world_is_zombie(process))
        return ESRCH;
    const As as(command_);
    return host_errno(world_setrlimit(process, static_cast<int>(number), wanted.soft, wanted.hard));
}

/// The stages by the fake kernel's system calls, in the name of the process that goes in.
class FakeHost::Calls final : public EntryCalls {
  public:
    Calls(Machine& machine, proc* process) : machine_(machine), process_(process) {}

    int new_session() noexcept override {
        return stage(EntryStage::session, [] { return world_setsid(); });
    }
    int arrange_descriptors(const EntryPlan&) noexcept override {
        return stage(EntryStage::descriptors, [] {
            for (int number = 0; number < fake_descriptors; ++number)
                world_close(number); // what the command had open, the device too
            for (int wanted = 0; wanted < 5; ++wanted) {
                vnode* file = world_mkreg(world_root());
                int number = -1;
                const int error = world_open(file, &number);
                world_rmdir(file); // the descriptor keeps it
                if (error != 0 || number != wanted)
                    return 24; // EMFILE
            }
            return 0;
        });
    }
    int open_device() noexcept override {
        return stage(EntryStage::device, [&] { return world_open_device(&device_); });
    }
    int change_root(const EntryPlan& plan) noexcept override {
        return stage(EntryStage::root, [&] {
            vnode* root = machine_.find(plan.root);
            return root == nullptr ? 2 : world_chroot(root);
        });
    }
    int enter(pkgjail_enter& request) noexcept override {
        return stage(EntryStage::enter, [&] { return world_ioctl(device_, PKGJAIL_IOC_ENTER, &request); });
    }
    int close_device() noexcept override {
        return stage(EntryStage::release, [&] { return world_close(device_); });
    }
    int become(const Identity& identity) noexcept override {
        return stage(EntryStage::identity,
                     [&] { return world_setgroups() != 0 ? 1 : world_setuid(identity.uid); });
    }
    int change_directory(const std::string&) noexcept override {
        return stage(EntryStage::directory, [] { return 0; });
    }
    int may_execute(const std::string& program) noexcept override {
        return stage(EntryStage::program,
                     [&] { return machine_.missing_programs.contains(program) ? 2 : 0; });
    }
    int execute(const std::string&, const EntryPlan&) noexcept override {
        return stage(EntryStage::exec, [&] {
            world_close(entry_gate); // close-on-exec
            return world_close(entry_report);
        });
    }

  private:
    template <class Work>
    int stage(EntryStage which, Work work) noexcept {
        if (machine_.failing_stage == which)
            return machine_.failing_stage_error;
        const As as(process_);
        return host_errno(work());
    }

    Machine& machine_;
    proc* process_;
    int device_ = -1;
};

class FakeHost::FakeEntrant final : public Entrant {
  public:
    FakeEntrant(Machine& machine, proc* process, const EntryPlan& plan)
        : machine_(machine), process_(process), plan_(plan), calls_(machine, process) {
        outcome_ = prepare_entry(plan_, calls_);
        if (!outcome_.ready())
            end();
    }
    ~FakeEntrant() override {
        if (!gone_)
            end(); // the gate closes without the word
    }
    pkgjail::base::ProcessId process() const override { return {world_pid(process_), 1}; }
    EntryOutcome await_ready() override { return outcome_; }
    std::optional<EntryOutcome> let_go() override {
        const EntryOutcome outcome = finish_entry(plan_, calls_);
        gone_ = true;
        if (outcome.error != 0) {
            end();
            return outcome;
        }
        if (machine_.ends_with)
            end();
        return std::nullopt;
    }
    pkgjail::base::Exit wait() override {
        while (!world_is_zombie(process_))
            world_run(10);
        return {false, machine_.ends_with.value_or(0)};
    }

  private:
    void end() {
        gone_ = true;
        if (world_is_zombie(process_))
            return;
        const As as(process_);
        world_exit();
    }

    Machine& machine_;
    proc* process_;
    EntryPlan plan_;
    Calls calls_;
    EntryOutcome outcome_;
    bool gone_ = false;
};

std::unique_ptr<Entrant> FakeHost::start(const EntryPlan& plan) {
    act("fork");
    proc* child = nullptr;
    {
        const As as(command_);
        if (world_fork(WORLD_FORK, &child) != 0)
            std::abort();
    }
    machine_.entered_.push_back(child);
    return std::make_unique<FakeEntrant>(machine_, child, plan);
}

} // namespace kmod_test
