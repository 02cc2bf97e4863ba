#ifdef __linux__

#include "pkgjail/confine/netlink.hpp"

#include <cerrno>
#include <exception>
#include <thread>

#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/printable.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using Attributes = std::map<std::uint16_t, std::string>;

constexpr std::size_t receive_bytes = 64u << 10;
constexpr long patience_seconds = 10;

constexpr std::size_t aligned(std::size_t size) {
    return (size + 3) & ~std::size_t{3};
}

base::Fd open_socket(int protocol) {
    base::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (!socket)
        throw base::system_error(errno, "netlink", "socket");
    const int on = 1;
    // Older kernels know neither: then a refusal has its number alone.
    static_cast<void>(::setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on));
    static_cast<void>(::setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on));
    const struct timeval patience { patience_seconds, 0 };
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        throw base::system_error(errno, "netlink", "setsockopt");
    return socket;
}

std::string extended_reason(std::string_view message) {
    // nlmsgerr, the head of the request (NLM_F_CAPPED) and the attributes.
    constexpr std::size_t head = sizeof(struct nlmsgerr);
    if (message.size() <= head)
        return {};
    const Attributes attributes = nested_attributes(message.substr(head));
    const auto text = attributes.find(NLMSGERR_ATTR_MSG);
    return text == attributes.end() ? std::string() : base::printable(attribute_text(text->second));
}

} // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
    struct nlmsghdr header {};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    append(&header, sizeof header);
}

void NetlinkRequest::append(const void* bytes, std::size_t size) {
    const auto* first = static_cast<const char*>(bytes);
    bytes_.insert(bytes_.end(), first, first + size);
    bytes_.resize(aligned(bytes_.size()));
}

NetlinkRequest& NetlinkRequest::add(std::uint16_t attribute, const void* value, std::size_t size) {
    const struct nlattr header { static_cast<std::uint16_t>(sizeof(struct nlattr) + size), attribute };
    append(&header, sizeof header);
    append(value, size);
    return *this;
}

NetlinkRequest& NetlinkRequest::add_text(std::uint16_t attribute, std::string_view text) {
    return add(attribute, std::string(text).c_str(), text.size() + 1);
}

NetlinkRequest& NetlinkRequest::begin(std::uint16_t attribute) {
    open_.push_back(bytes_.size());
    return add(attribute, "", 0);
}

NetlinkRequest& NetlinkRequest::end() {
    const std::size_t at = open_.back();
    open_.pop_back();
    const auto length = static_cast<std::uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &length, sizeof length);
    return *this;
}

std::vector<char> NetlinkRequest::finish(std::uint32_t sequence) const {
    std::vector<char> bytes = bytes_;
    struct nlmsghdr header {};
    std::memcpy(&header, bytes.data(), sizeof header);
    header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
    header.nlmsg_seq = sequence;
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
}

bool NetlinkRequest::wants_word() const {
    struct nlmsghdr header {};
    std::memcpy(&header, bytes_.data(), sizeof header);
    return (header.nlmsg_flags & NLM_F_ACK) != 0;
}

std::vector<char> NetlinkRequest::join(const std::vector<NetlinkRequest>& requests,
                                       std::uint32_t first_sequence) {
    std::vector<char> all;
    for (const NetlinkRequest& request : requests) {
        const auto bytes = request.finish(first_sequence++);
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return all;
}

Attributes nested_attributes(std::string_view bytes) {
    Attributes attributes;
    while (bytes.size() >= sizeof(struct nlattr)) {
        struct nlattr header {};
        std::memcpy(&header, bytes.data(), sizeof header);
        if (header.nla_len < sizeof header || header.nla_len > bytes.size())
            break;
        attributes[header.nla_type & NLA_TYPE_MASK] =
            std::string(bytes.substr(sizeof header, header.nla_len - sizeof header));
        bytes.remove_prefix(std::min(aligned(header.nla_len), bytes.size()));
    }
    return attributes;
}

std::string attribute_text(std::string_view bytes) {
    return std::string(bytes.substr(0, bytes.find('\0')));
}

Attributes NetlinkAnswer::attributes(std::size_t head_size) const {
    const std::string_view all(payload_.data(), payload_.size());
    const std::size_t skipped = aligned(head_size);
    return skipped > all.size() ? Attributes{} : nested_attributes(all.substr(skipped));
}

Netlink Netlink::here(int protocol) {
    return Netlink(open_socket(protocol));
}

Netlink Netlink::inside(int protocol, const base::Fd& network_namespace) {
    base::Fd socket;
    std::exception_ptr failure;
    // Only the thread moves, so there is no way back to be found; the socket stays where it was made.
    std::thread([&] {
        try {
            if (::setns(network_namespace.get(), CLONE_NEWNET) != 0)
                throw base::system_error(errno, "network namespace", "setns");
            socket = open_socket(protocol);
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure)
        std::rethrow_exception(failure);
    return Netlink(std::move(socket));
}

void Netlink::send(const std::vector<char>& bytes) {
    struct sockaddr_nl kernel {};
    kernel.nl_family = AF_NETLINK;
    while (::sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<struct sockaddr*>(&kernel),
                    sizeof kernel) < 0)
        if (errno != EINTR)
            throw base::system_error(errno, "netlink", "send");
}

int Netlink::collect(std::uint32_t first, std::uint32_t last, std::vector<NetlinkAnswer>& answers) {
    std::vector<char> buffer(receive_bytes);
    reason_.clear();
    for (;;) {
        const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw base::system_error(errno, "netlink", "wait for the kernel's answer");
        std::string_view rest(buffer.data(), static_cast<std::size_t>(count));
        while (rest.size() >= sizeof(struct nlmsghdr)) {
            struct nlmsghdr header {};
            std::memcpy(&header, rest.data(), sizeof header);
            if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size())
                throw Error(ErrorKind::system, "netlink", "the kernel's answer is cut short");
            const std::string_view payload = rest.substr(sizeof header, header.nlmsg_len - sizeof header);
            rest.remove_prefix(std::min(aligned(header.nlmsg_len), rest.size()));
            if (header.nlmsg_seq < first || header.nlmsg_seq > last)
                continue; // of a request that was given up
            if (header.nlmsg_type == NLMSG_DONE)
                return 0;
            if (header.nlmsg_type != NLMSG_ERROR) {
                answers.emplace_back(header.nlmsg_type, std::vector<char>(payload.begin(), payload.end()));
                if ((header.nlmsg_flags & NLM_F_MULTI) == 0 && header.nlmsg_seq == last)
                    return 0;
                continue;
            }
            int error = 0;
            if (payload.size() >= sizeof error)
                std::memcpy(&error, payload.data(), sizeof error);
            if (error != 0) {
                reason_ = extended_reason(payload);
                return -error;
            }
            if (header.nlmsg_seq == last)
                return 0;
        }
    }
}

int Netlink::ask(const NetlinkRequest& request) {
    return ask_together({request});
}

int Netlink::ask_together(const std::vector<NetlinkRequest>& requests) {
    const std::uint32_t first = sequence_ + 1;
    std::uint32_t last = first;
    for (const NetlinkRequest& request : requests)
        if (++sequence_; request.wants_word())
            last = sequence_;
    send(NetlinkRequest::join(requests, first));
    std::vector<NetlinkAnswer> none;
    return collect(first, last, none);
}

std::vector<NetlinkAnswer> Netlink::dump(const NetlinkRequest& request, const std::string& what) {
    std::vector<NetlinkAnswer> answers;
    send(request.finish(++sequence_));
    if (const int error = collect(sequence_, sequence_, answers); error != 0)
        throw base::system_error(error, what, "netlink");
    return answers;
}

std::optional<NetlinkAnswer> Netlink::get(const NetlinkRequest& request, const std::string& what) {
    std::vector<NetlinkAnswer> answers;
    send(request.finish(++sequence_));
    const int error = collect(sequence_, sequence_, answers);
    if (error == ENODEV || error == ENOENT)
        return std::nullopt;
    if (error != 0)
        throw base::system_error(error, what, "netlink");
    if (answers.empty())
        return std::nullopt;
    return std::move(answers.front());
}

} // namespace pkgjail::confine

#endif
