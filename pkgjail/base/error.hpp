// How everything in pkgjail fails: one exception type, thrown where the cause is known, given context on the
// way up, printed once in cli/main.
//
// Not errors: "not there" is std::optional, the solver's "no" is a value, and the supervisor's loop turns
// errors into states.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pkgjail::base {

/// What went wrong, as far as a caller or a script can act on it. Each kind is one exit status
/// (cli/exit_status).
enum class ErrorKind {
    system,        ///< a system call or a program of the host failed; nothing changed (1)
    finding,       ///< a check found something: drift, updates, damage (2)
    partial,       ///< some targets are done, some are not (3)
    unhealthy,     ///< the health gate failed (4)
    not_found,     ///< a jail, package, file that was named does not exist (5)
    conflict,      ///< exists already, is held, is in use (6)
    trust,         ///< signature, digest, stale index (7)
    unsolvable,    ///< no set of packages satisfies the request (8)
    usage,         ///< the command line (64)
    corrupt,       ///< input data that is damaged, hostile or not what it claims to be (65)
    network,       ///< a repository cannot be reached or contradicts itself (69)
    busy,          ///< somebody else holds it; trying again may help (75)
    denied,        ///< the privileges or the platform do not allow it (77)
    configuration, ///< a file of the operator's is wrong (78)
};

/// One failure. `what()` is the whole chain: "while" lines, object, cause, joined by ": ", with control
/// characters as they came in (cli escapes them when it prints).
class Error : public std::exception {
  public:
    /// `object` is the thing at fault (a path, a pkgname, a jail), `cause` what is wrong with it in lower
    /// case without a full stop, `hint` what to do about it (may be empty).
    Error(ErrorKind kind, std::string object, std::string cause, std::string hint = {});

    ErrorKind kind() const { return kind_; }
    const std::string& object() const { return object_; }
    const std::string& cause() const { return cause_; }
    const std::string& hint() const { return hint_; }
    /// Outermost first.
    const std::vector<std::string>& context() const { return context_; }
    const char* what() const noexcept override { return text_.c_str(); }

    /// Says what was being done: `error.add_context("extract nginx-1.26.1")`.
    void add_context(std::string what);

  private:
    void compose();

    ErrorKind kind_;
    std::string object_;
    std::string cause_;
    std::string hint_;
    std::vector<std::string> context_;
    std::string text_;
};

/// An Error for a failed system call: the kind follows from the errno (ENOENT not_found, EACCES and EPERM
/// denied, all others system), the cause is "CALL: strerror".
Error system_error(int error_number, std::string object, std::string_view call);

/// Runs `work`; an Error that passes through gets `what` as context.
template <class Work>
decltype(auto) while_doing(std::string_view what, Work&& work) {
    try {
        return std::forward<Work>(work)();
    } catch (Error& error) {
        error.add_context(std::string(what));
        throw;
    }
}

} // namespace pkgjail::base
