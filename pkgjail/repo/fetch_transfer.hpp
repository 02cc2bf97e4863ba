// One download over HTTP: its requests, one after another (redirects, tries), and what became of them. Which
// of several runs when is decided in fetch.cpp.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/repo/fetch.hpp"
#include "pkgjail/repo/fetch_library.hpp"
#include "pkgjail/repo/partial_file.hpp"

namespace pkgjail::repo {

class Transfer {
  public:
    Transfer(const Download& download, const jail::NetworkConfig& network);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer();

    /// Not before this moment may the next request be made.
    base::SteadyTime not_before() const { return not_before_; }
    /// A handle that is ready for curl_multi_add_handle; its CURLOPT_PRIVATE is this object. Throws
    /// Error{system} when the partial file cannot be made.
    CURL* begin_request(base::SteadyTime now);
    /// Why the running request is to be ended now; empty: it is not.
    std::string overdue(base::SteadyTime now);
    /// The request is over, as libcurl says, or with `reason` because it was overdue. True when result() is
    /// final, false when another request is to be made. Rethrows what went wrong on our own side.
    bool end_request(CURLcode code, const std::string& reason, base::SteadyTime now);

    const Downloaded& result() const { return result_; }
    CURL* handle() const { return handle_; }
    std::uint64_t bytes_present() const { return present_; }
    /// Expected or announced; 0: unknown.
    std::uint64_t bytes_expected() const { return download_.expected_bytes.value_or(announced_); }

  private:
    /// Of the response that is coming in.
    struct Response {
        int status = 0;
        std::string reason;
        Validators validators;
        std::optional<std::uint64_t> length;
        std::string range; ///< Content-Range
        std::uint64_t header_bytes = 0;
        std::uint64_t unwanted_bytes = 0; ///< body of a response that is no file
        bool accepted = false;            ///< its body goes into the partial file
        bool restart = false;             ///< the server cannot go on with our part
        bool wrong_size = false;
        std::string refusal; ///< why we ended it ourselves
    };

    static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) noexcept;
    bool take_header(std::string_view line);
    bool take_body(std::string_view bytes);
    bool accept();
    bool accept_range();
    bool check_length(std::uint64_t length);

    void set_options();
    void set_credentials();
    bool follow_redirect();
    bool try_again(base::SteadyTime now, std::string cause);
    bool finish(Downloaded::Result result, std::string error = {});
    bool classify_status(base::SteadyTime now);
    std::string describe(CURLcode code) const;

    const Download& download_;
    const jail::NetworkConfig& network_;
    std::optional<PartialFile> part_;
    CURL* handle_ = nullptr;
    curl_slist* headers_ = nullptr;
    char error_text_[CURL_ERROR_SIZE] = {};

    std::string url_; ///< of the next request, without credentials
    std::string origin_;
    std::string user_, password_;
    unsigned redirects_ = 0;
    unsigned tries_ = 0;
    bool restarted_ = false;
    std::optional<base::SteadyTime> deadline_;
    base::SteadyTime not_before_{};
    base::SteadyTime last_activity_{};
    bool connected_ = false;
    bool activity_ = false;
    bool asked_range_ = false;

    Response response_;
    std::uint64_t present_ = 0;
    std::uint64_t announced_ = 0;
    std::exception_ptr failure_; ///< thrown inside a callback; C code must not see it
    Downloaded result_;
};

/// The words for an HTTP status: "HTTP 403 Forbidden". `reason` is the server's own, used for statuses
/// without a name here.
std::string describe_status(int status, std::string_view reason);

} // namespace pkgjail::repo
