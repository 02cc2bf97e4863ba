// A small HTTP/1.1 server on 127.0.0.1 for tests: serves a directory with ETag, Last-Modified, If-Range,
// Range and conditional requests, and misbehaves where a test says so. Built on sockets alone, so that client
// and server cannot share a mistake.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace pkgjail::test {

/// How the server answers requests for one path. The default is to do it right.
struct Behaviour {
    std::vector<int> first_statuses = {};           ///< the first requests get these, with a short body
    int status = 0;                                 ///< every request gets this one; 0: what is right
    std::string redirect_to = {};                   ///< 302 to this URL
    std::string user_and_password = {};             ///< 401 unless Basic authorization is for "USER:PASSWORD"
    std::vector<std::string> first_bodies = {};     ///< the first responses have these instead of the file
    std::vector<std::uint64_t> drop_after = {};     ///< the first responses end after so many bytes of body
    std::optional<std::uint64_t> silent_after = {}; ///< says nothing more after so many bytes of body
    std::chrono::milliseconds trickle{};            ///< the body, a byte each time so much has passed
    bool silent = false;                            ///< takes the request and says nothing at all
    std::optional<std::uint64_t> claimed_length = {}; ///< Content-Length, whatever the body is
    bool endless = false;                             ///< a body without Content-Length and without end
    bool endless_headers = false;                     ///< headers without end
    std::chrono::milliseconds trickling_headers{}; ///< so do they, a short one each time so much has passed
    bool no_length = false;                        ///< no Content-Length; the connection's end is the body's
    bool no_validators = false;                    ///< neither ETag nor Last-Modified
    bool weak_etag = false;
    bool any_range = false;                          ///< answers every Range with 206, whatever If-Range says
    std::uint64_t range_at_most = ~std::uint64_t{0}; ///< answers a Range with so many bytes of it
    bool no_range = false;                           ///< answers every Range with the whole
    std::string etag = {};                           ///< this one instead of one made of the content
};

class HttpServer {
  public:
    explicit HttpServer(std::filesystem::path root);
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer();

    /// "http://127.0.0.1:PORT", for example with "/All" behind it.
    std::string url() const;
    std::uint16_t port() const { return port_; }
    /// For requests from now on. `path` as the client sends it, "/All/x.tgz".
    void behave(const std::string& path, Behaviour behaviour);
    /// From now on no response begins before `count` requests are under way at once (or ten seconds have
    /// passed).
    void gather(unsigned count);

    struct Request {
        std::string path;
        std::map<std::string, std::string> headers; ///< names in lower case
        int status = 0;                             ///< of the response
        std::uint64_t sent = 0;                     ///< bytes of body
    };
    std::vector<Request> requests() const;
    /// "/a 200 12\n/b 404 0\n": path, status, bytes of body.
    std::string log() const;
    void forget_requests();
    /// The most requests that were under way at once.
    unsigned most_at_once() const;

  private:
    void accept_all();
    void serve(int socket);
    bool answer(int socket, Request request, const std::string& method);
    bool send_body(int socket, std::size_t record, const Behaviour& behaviour, const std::string& body,
                   std::optional<std::uint64_t> stop_after);
    bool send(int socket, const std::string& bytes);
    void wait_for_end(int socket);
    void wait_for_company();

    std::filesystem::path root_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool ending_ = false;
    std::set<int> sockets_;
    std::map<std::string, Behaviour> behaviours_;
    std::vector<Request> requests_;
    unsigned gather_ = 0;
    unsigned at_once_ = 0;
    unsigned most_at_once_ = 0;
    std::list<std::thread> threads_;
    std::thread acceptor_;
};

} // namespace pkgjail::test
