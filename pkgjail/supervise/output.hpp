// What the service prints, on its way from two pipes into the log.
#pragma once

#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/supervise/service_log.hpp"

namespace pkgjail::supervise {

class ServiceOutput {
  public:
    /// `service`: which one of several speaks, written with each record; empty: the only one.
    explicit ServiceOutput(ServiceLog& log, const std::string& service = {})
        : log_(log), streams_{{service.empty() ? "out" : service + "/out", {}, {}, {}},
                              {service.empty() ? "err" : service + "/err", {}, {}, {}}} {}
    /// New pipes for a new start; what the old ones still held is given up. Throws Error{system}.
    void open(const confine::Identity& identity);
    int output_for_service() const { return streams_[0].write_end.get(); }
    int error_for_service() const { return streams_[1].write_end.get(); }
    /// After the service has its copies: from then on the pipes end when the service's last process does.
    void close_service_ends() noexcept;
    /// Descriptors to poll for reading; -1: at its end.
    int output_fd() const { return streams_[0].read_end.get(); }
    int error_fd() const { return streams_[1].read_end.get(); }
    /// Takes a bounded piece of what is there; never blocks.
    void read() noexcept;
    /// The jail is gone: takes what is left, with an incomplete last line, and closes.
    void finish() noexcept;

  private:
    struct Stream {
        std::string name;
        base::Fd read_end;
        base::Fd write_end;
        LineCutter lines;
    };
    /// False when there was nothing (more).
    bool read_some(Stream& stream) noexcept;
    void give(const Stream& stream, std::string_view text, bool split);

    ServiceLog& log_;
    Stream streams_[2];
};

} // namespace pkgjail::supervise
