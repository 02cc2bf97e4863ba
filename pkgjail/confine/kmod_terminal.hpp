// A pseudo terminal for a command in a jail. Whoever has a terminal owns it, so a jail never gets the
// operator's own: it gets one side of a fresh pair, and what happens on it is copied.
#pragma once

#include <termios.h>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::confine {

class PseudoTerminal {
  public:
    /// Of the size that the terminal `like` has. Throws Error{system}.
    explicit PseudoTerminal(int like);
    /// The side for the jail.
    int inner() const { return inner_.get(); }
    /// Copies between our terminal, which is raw meanwhile, and the jail's, until nothing in the jail has its
    /// side open any more. A change of our size is passed on. Closes our copy of the jail's side first.
    void connect(int input, int output);

  private:
    base::Fd outer_;
    base::Fd inner_;
};

} // namespace pkgjail::confine
