#include "pkgjail/repo/fetch.hpp"

#include <algorithm>
#include <deque>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/repo/fetch_file.hpp"
#include "pkgjail/repo/fetch_library.hpp"
#include "pkgjail/repo/fetch_transfer.hpp"
#include "pkgjail/repo/url.hpp"

namespace pkgjail::repo {

namespace {

using namespace std::chrono_literals;

constexpr auto report_every = 150ms;
/// How long libcurl may sleep: the time-outs are looked at in between.
constexpr int poll_milliseconds = 100;

void check(CURLMcode code) {
    if (code != CURLM_OK)
        throw base::Error(base::ErrorKind::system, "libcurl", curl().multi_strerror(code));
}

/// One call of Fetcher::fetch.
class Batch {
  public:
    Batch(CURLM* multi, const std::vector<Download>& downloads, const jail::NetworkConfig& network,
          const ProgressSink& progress)
        : multi_(multi), downloads_(downloads), network_(network), progress_(progress),
          results_(downloads.size()), transfers_(downloads.size()) {}
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    /// An exception may leave requests running.
    ~Batch() {
        for (const std::size_t index : active_)
            curl().multi_remove_handle(multi_, transfers_[index]->handle());
    }

    std::vector<Downloaded> run() {
        for (std::size_t i = 0; i < downloads_.size(); ++i) {
            if (is_file_url(downloads_[i].url)) {
                copy(i);
                continue;
            }
            transfers_[i] = std::make_unique<Transfer>(downloads_[i], network_);
            waiting_.push_back(i);
        }
        while (!waiting_.empty() || !active_.empty()) {
            start_what_may();
            int running = 0;
            check(curl().multi_perform(multi_, &running));
            take_messages();
            end_overdue();
            report(false);
            if (!may_start() && !(active_.empty() && waiting_.empty()))
                check(curl().multi_poll(multi_, nullptr, 0, poll_milliseconds, nullptr));
        }
        report(true);
        return std::move(results_);
    }

  private:
    void copy(std::size_t index) {
        current_ = index;
        results_[index] = copy_from_file(downloads_[index], [this](std::uint64_t bytes) {
            copied_ += bytes;
            report(false);
        });
        ++done_;
        report(false);
    }

    /// The first that waits for nothing but a place; end() when there is none or no place.
    std::deque<std::size_t>::iterator next_to_start() {
        if (active_.size() >= std::max(1u, network_.parallel))
            return waiting_.end();
        const base::SteadyTime now = base::steady_now();
        return std::find_if(waiting_.begin(), waiting_.end(),
                            [&](std::size_t index) { return transfers_[index]->not_before() <= now; });
    }

    bool may_start() { return next_to_start() != waiting_.end(); }

    void start_what_may() {
        for (auto next = next_to_start(); next != waiting_.end(); next = next_to_start()) {
            const std::size_t index = *next;
            waiting_.erase(next);
            check(curl().multi_add_handle(multi_, transfers_[index]->begin_request(base::steady_now())));
            active_.push_back(index);
            current_ = index;
        }
    }

    void take_messages() {
        int left = 0;
        while (const CURLMsg* message = curl().multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE)
                continue;
            // The message dies with the handle's removal.
            const CURLcode code = message->data.result;
            const auto found = std::find_if(active_.begin(), active_.end(), [&](std::size_t index) {
                return transfers_[index]->handle() == message->easy_handle;
            });
            end(*found, code, {});
        }
    }

    void end_overdue() {
        const base::SteadyTime now = base::steady_now();
        const std::vector<std::size_t> looked_at = active_;
        for (const std::size_t index : looked_at)
            if (const std::string reason = transfers_[index]->overdue(now); !reason.empty())
                end(index, CURLE_OPERATION_TIMEDOUT, reason);
    }

    void end(std::size_t index, CURLcode code, const std::string& reason) {
        Transfer& transfer = *transfers_[index];
        check(curl().multi_remove_handle(multi_, transfer.handle()));
        active_.erase(std::find(active_.begin(), active_.end(), index));
        if (!transfer.end_request(code, reason, base::steady_now())) {
            // In front, so that a redirect is not queued behind everything else.
            waiting_.push_front(index);
            return;
        }
        results_[index] = transfer.result();
        ++done_;
    }

    void report(bool now) {
        if (!progress_)
            return;
        const base::SteadyTime time = base::steady_now();
        if (!now && time - reported_ < report_every)
            return;
        reported_ = time;
        Progress progress;
        progress.files_done = done_;
        progress.files_total = downloads_.size();
        progress.bytes_done = copied_;
        bool all_known = true;
        for (std::size_t i = 0; i < downloads_.size(); ++i) {
            const std::uint64_t expected =
                transfers_[i] ? transfers_[i]->bytes_expected() : downloads_[i].expected_bytes.value_or(0);
            all_known = all_known && expected != 0;
            progress.bytes_total += expected;
            if (transfers_[i])
                progress.bytes_done += transfers_[i]->bytes_present();
        }
        if (!all_known)
            progress.bytes_total = 0;
        if (!downloads_.empty()) {
            const std::string& url = downloads_[current_].url;
            progress.current = percent_decode(url.substr(url.rfind('/') + 1)).value_or("");
        }
        progress_(progress);
    }

    CURLM* multi_; ///< none where all are file: URLs
    const std::vector<Download>& downloads_;
    const jail::NetworkConfig& network_;
    const ProgressSink& progress_;
    std::vector<Downloaded> results_;
    std::vector<std::unique_ptr<Transfer>> transfers_; ///< none for a file: URL
    std::deque<std::size_t> waiting_;
    std::vector<std::size_t> active_;
    std::size_t current_ = 0;
    std::size_t done_ = 0;
    std::uint64_t copied_ = 0;
    base::SteadyTime reported_{};
};

} // namespace

struct Fetcher::Connections {
    Connections() {
        if (multi == nullptr)
            throw base::Error(base::ErrorKind::system, "libcurl", "cannot make a handle");
    }
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;
    ~Connections() { curl().multi_cleanup(multi); }
    CURLM* multi = curl().multi_init();
};

Fetcher::Fetcher(const jail::NetworkConfig& network) : network_(network) {}
Fetcher::~Fetcher() = default;

std::vector<Downloaded> Fetcher::fetch(const std::vector<Download>& downloads, const ProgressSink& progress) {
    const bool from_servers = !std::all_of(downloads.begin(), downloads.end(),
                                           [](const Download& one) { return is_file_url(one.url); });
    if (from_servers && !connections_)
        connections_ = std::make_unique<Connections>();
    return Batch(from_servers ? connections_->multi : nullptr, downloads, network_, progress).run();
}

std::vector<Downloaded> fetch(const std::vector<Download>& downloads, const jail::NetworkConfig& network,
                              const ProgressSink& progress) {
    return Fetcher(network).fetch(downloads, progress);
}

} // namespace pkgjail::repo
