#include "pkgjail/format/read_ahead.hpp"

#include <chrono>

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

namespace {

/// "0", "1", … and then the end, or an error.
class Counting : public format::ByteSource {
  public:
    explicit Counting(int count, bool fails = false) : count_(count), fails_(fails) {}
    std::string_view next() override {
        if (given == count_ && fails_)
            throw base::Error(base::ErrorKind::corrupt, "source", "is damaged");
        if (given == count_)
            return {};
        text_ = std::to_string(given++); // one buffer for all: what was handed out before is gone
        return text_;
    }
    int given = 0;

  private:
    int count_;
    bool fails_;
    std::string text_;
};

std::string all_of(format::ByteSource& source) {
    std::string text;
    for (std::string_view piece = source.next(); !piece.empty(); piece = source.next())
        (text += piece) += ' ';
    return text;
}

} // namespace

TEST_CASE("what is read ahead comes whole, in order, and ends", "[format][read_ahead]") {
    for (const std::size_t pieces : {std::size_t{1}, std::size_t{2}, std::size_t{16}}) {
        Counting source(100);
        std::string expected;
        for (int i = 0; i < 100; ++i)
            expected += std::to_string(i) + ' ';
        format::ReadAhead ahead(source, pieces);
        CHECK(all_of(ahead) == expected);
        CHECK(ahead.next().empty());
        CHECK(ahead.next().empty());
    }
}

TEST_CASE("an error comes where the piece would have come, and again", "[format][read_ahead]") {
    Counting source(3, true);
    format::ReadAhead ahead(source);
    CHECK(ahead.next() == "0");
    CHECK(ahead.next() == "1");
    CHECK(ahead.next() == "2");
    CHECK_THROWS_AS(ahead.next(), base::Error);
    CHECK_THROWS_AS(ahead.next(), base::Error);
}

TEST_CASE("no more is read ahead than was allowed, and who leaves early waits for nothing",
          "[format][read_ahead]") {
    Counting source(1'000'000);
    {
        format::ReadAhead ahead(source, 4);
        CHECK(ahead.next() == "0");
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    CHECK(source.given <= 6); // one taken, four waiting, one in hand
    CHECK(source.given >= 1);
}
