// What is cut from the modes that are asked for when files and directories are made. It is the whole
// process's.
#pragma once

namespace pkgjail::base {

/// Nothing but writing by others, from now on: what others are to go through has a mode for that from the
/// moment it has its name, also when whoever makes it is killed before it gives it its mode. Once, when a
/// program begins.
void set_umask();

/// While it lives there is again what there was before set_umask(), if that was called: for what is made, and
/// for programs that are started, in the name of whoever called ours. No other thread makes anything then.
class UmaskOfCaller {
  public:
    UmaskOfCaller() noexcept;
    UmaskOfCaller(const UmaskOfCaller&) = delete;
    UmaskOfCaller& operator=(const UmaskOfCaller&) = delete;
    ~UmaskOfCaller();
};

} // namespace pkgjail::base
