// Ownership of one file descriptor.
#pragma once

#include <utility>

namespace pkgjail::base {

/// Owns at most one descriptor and closes it. Movable, not copyable. Every descriptor that pkgjail opens is
/// close-on-exec.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int number) : number_(number) {}
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
    int release() { return std::exchange(number_, -1); }
    void reset() noexcept;
    /// A second descriptor of the same open file (dup with close-on-exec). Throws Error{system}.
    Fd duplicate() const;

  private:
    int number_ = -1;
};

struct Pipe {
    Fd read_end;
    Fd write_end;
};
/// Both ends close-on-exec. Throws Error{system}.
Pipe make_pipe();

} // namespace pkgjail::base
