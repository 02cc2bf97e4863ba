// Whose a resolv.conf is, told by its own first line.
#include "pkgjail/ops/resolv.hpp"

#include "support/catch.hpp"

using namespace pkgjail;
using ops::is_our_resolv;

TEST_CASE("a resolv.conf that pkgjail wrote is told by itself, and any change makes it the operator's",
          "[ops][resolv]") {
    const jail::Resolv host{jail::Resolv::From::host, {}};
    const std::string text = ops::resolv_text(host, "nameserver 192.0.2.1\nsearch example.org\n");

    INFO(text);
    CHECK(text.starts_with("# by pkgjail, resolv = host; changed in any way, the file is yours: "));
    CHECK(text.ends_with("\nnameserver 192.0.2.1\nsearch example.org\n"));
    CHECK(is_our_resolv(text));
    CHECK(is_our_resolv(ops::resolv_text(host, "")));
    CHECK_FALSE(is_our_resolv(text + "nameserver 192.0.2.2\n"));
    CHECK_FALSE(is_our_resolv(text.substr(0, text.size() - 1)));
    CHECK_FALSE(is_our_resolv(text.substr(1)));
    CHECK_FALSE(is_our_resolv("nameserver 192.0.2.1\n"));
    CHECK_FALSE(is_our_resolv(""));
    std::string other_head = text;
    other_head.replace(other_head.find("host"), 4, "none");
    CHECK_FALSE(is_our_resolv(other_head));
}
