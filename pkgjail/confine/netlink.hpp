// Speaking netlink(7): requests of type, fixed head and attributes, and what the kernel answers. Linux only.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/fd.hpp"

namespace pkgjail::confine {

/// One request under construction.
class NetlinkRequest {
  public:
    /// `flags` beside NLM_F_REQUEST.
    NetlinkRequest(std::uint16_t type, std::uint16_t flags);

    /// The structure that follows the header: ifinfomsg, rtmsg, …
    template <class Head>
    NetlinkRequest& head(const Head& head) {
        append(&head, sizeof head);
        return *this;
    }
    NetlinkRequest& add(std::uint16_t attribute, const void* value, std::size_t size);
    NetlinkRequest& add_text(std::uint16_t attribute, std::string_view text); ///< with its NUL
    template <class Number>
    NetlinkRequest& add_number(std::uint16_t attribute, Number number) {
        return add(attribute, &number, sizeof number);
    }
    /// What is added until the matching end() lies within this attribute.
    NetlinkRequest& begin(std::uint16_t attribute);
    NetlinkRequest& end();
    bool wants_word() const; ///< NLM_F_ACK
    /// Its bytes, with length and sequence number filled in.
    std::vector<char> finish(std::uint32_t sequence) const;
    /// The bytes of several, as one datagram.
    static std::vector<char> join(const std::vector<NetlinkRequest>& requests, std::uint32_t first_sequence);

  private:
    void append(const void* bytes, std::size_t size);
    std::vector<char> bytes_;
    std::vector<std::size_t> open_;
};

/// One answer: type, fixed head and attributes.
class NetlinkAnswer {
  public:
    NetlinkAnswer(std::uint16_t type, std::vector<char> payload)
        : type_(type), payload_(std::move(payload)) {}
    std::uint16_t type() const { return type_; }
    template <class Head>
    std::optional<Head> head() const {
        Head head{};
        if (payload_.size() < sizeof head)
            return std::nullopt;
        std::memcpy(&head, payload_.data(), sizeof head);
        return head;
    }
    /// Attributes behind a head of this size.
    std::map<std::uint16_t, std::string> attributes(std::size_t head_size) const;

  private:
    std::uint16_t type_;
    std::vector<char> payload_;
};

/// Attributes within the bytes of one.
std::map<std::uint16_t, std::string> nested_attributes(std::string_view bytes);
/// The text of an attribute, without its NUL.
std::string attribute_text(std::string_view bytes);
template <class Number>
std::optional<Number> attribute_number(const std::map<std::uint16_t, std::string>& attributes,
                                       std::uint16_t attribute) {
    const auto found = attributes.find(attribute);
    Number number{};
    if (found == attributes.end() || found->second.size() < sizeof number)
        return std::nullopt;
    std::memcpy(&number, found->second.data(), sizeof number);
    return number;
}

/// A socket in one network namespace, whoever uses it later.
class Netlink {
  public:
    /// `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER. In the calling thread's own namespace.
    static Netlink here(int protocol);
    /// In the one behind this descriptor: a thread enters it for as long as making the socket takes.
    static Netlink inside(int protocol, const base::Fd& network_namespace);

    /// Sends it and waits for the kernel's word: 0 or an errno. Throws Error{system} when that does not come.
    int ask(const NetlinkRequest& request);
    /// Every answer to a request with NLM_F_DUMP. Throws Error{system} with the errno.
    std::vector<NetlinkAnswer> dump(const NetlinkRequest& request, const std::string& what);
    /// The one answer to a request without it; nullopt: ENODEV or ENOENT.
    std::optional<NetlinkAnswer> get(const NetlinkRequest& request, const std::string& what);
    /// Sends them as one; the errno of the first that is refused, 0 when the last with NLM_F_ACK is done.
    int ask_together(const std::vector<NetlinkRequest>& requests);
    /// What the kernel added to its last refusal, in words; empty: nothing.
    const std::string& reason() const { return reason_; }

  private:
    explicit Netlink(base::Fd socket) : socket_(std::move(socket)) {}
    void send(const std::vector<char>& bytes);
    /// Reads until `last` sequence is acknowledged, refused, or done; answers are appended.
    int collect(std::uint32_t first, std::uint32_t last, std::vector<NetlinkAnswer>& answers);

    base::Fd socket_;
    std::uint32_t sequence_ = 0;
    std::string reason_;
};

} // namespace pkgjail::confine
