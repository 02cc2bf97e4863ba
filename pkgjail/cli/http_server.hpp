// A small HTTP/1.1 server for pages that only tell. One thread, and nothing that a peer does costs more than
// a descriptor and a few KiB for a few seconds: requests are GET or HEAD without a body, the whole head is
// bounded, each connection carries one request and has one deadline for everything.
//
// Written here because libraries bound a line of a head and the pause between two bytes, but neither the head
// nor the time as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"

namespace pkgjail::cli {

struct HttpAnswer {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
};

class HttpServer {
  public:
    /// Answers a path without its query. What it throws becomes status 500.
    using Answer = std::function<HttpAnswer(const std::string& path)>;

    static constexpr std::size_t most_connections = 64;
    static constexpr std::size_t longest_head = 16u << 10;
    static constexpr std::chrono::seconds deadline{10};

    /// Listens; port 0 takes a free one. `address` is numeric. With `local_names_only` a request for another
    /// host than an address or "localhost" is refused: so a page from elsewhere, whose name was made to mean
    /// this host, reads nothing. Error{conflict} when the port is in use, Error{denied} when it may not be
    /// used, Error{usage} when the address is none of this host's.
    HttpServer(const std::string& address, std::uint16_t port, bool local_names_only, Answer answer);
    /// "http://127.0.0.1:9750/"
    const std::string& url() const { return url_; }
    /// Whenever `wake` can be read, `is_over` is asked whether that is all.
    void run(int wake, const std::function<bool()>& is_over);

  private:
    struct Connection {
        base::Fd fd;
        base::SteadyTime until;
        std::string input;
        std::string output;
        std::size_t sent = 0;
        bool answered = false; ///< output is complete; input is thrown away
        bool over = false;
    };
    void accept_some();
    void read_from(Connection& connection);
    void write_to(Connection& connection);
    void answer(Connection& connection);
    HttpAnswer answer_to(const std::string& head, bool& head_only) const;
    static void refuse(Connection& connection, int status);
    int next_timeout() const;

    Answer answer_;
    bool local_names_only_;
    std::string url_;
    base::Fd listener_;
    std::list<Connection> connections_; ///< oldest first
};

} // namespace pkgjail::cli
