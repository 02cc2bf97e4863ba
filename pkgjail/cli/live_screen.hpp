// A terminal taken over for a picture that is drawn again and again: the other screen, no echo, no cursor. It
// is given back by the destructor, and before the program stops (^Z) or ends by a signal.
#pragma once

#include <chrono>
#include <string>

#include <termios.h>

#include "pkgjail/cli/terminal.hpp"

namespace pkgjail::cli {

class LiveScreen {
  public:
    /// Standard input and output are terminals. Throws Error{system} where the terminal cannot be set.
    LiveScreen();
    LiveScreen(const LiveScreen&) = delete;
    LiveScreen& operator=(const LiveScreen&) = delete;
    ~LiveScreen();

    /// Lines that do not fit are left out below.
    void draw(const std::string& text);
    /// A key, 0 when `limit` passed or the size has changed. `q` where a signal or the terminal's end asks to
    /// stop.
    char wait_for_key(std::chrono::milliseconds limit);
    /// The signal that asked to end; 0: none.
    static int ended_by();

  private:
    void enter();
    void leave() noexcept;

    struct termios before_ {};
};

} // namespace pkgjail::cli
