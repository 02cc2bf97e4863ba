// The rules by which a signed index is believed, with a clock of the test's own.
#include "pkgjail/repo/judge_index.hpp"

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using format::SecretKey;
using format::SignedIndex;
using repo::AcceptedIndex;
using repo::IndexRules;

namespace {

constexpr std::int64_t today = 1'795'000'000;

struct World {
    SecretKey key = SecretKey::generate();
    SecretKey second = SecretKey::generate();
    SignedIndex index;
    IndexRules rules;

    World() {
        index.repository = "ours";
        index.serial = 42;
        index.made_at = base::from_unix(today - 100);
        index.expires = base::from_unix(today + 1000);
        index.files = {{"pkg_summary.gz", 12, std::string(64, 'a')}};
        rules.repository = "repository main";
        rules.section = "[repository main]";
        rules.keys = {key.public_key(), second.public_key()};
        rules.now = base::from_unix(today);
    }
    AcceptedIndex accept(const std::vector<SecretKey>& keys) {
        index.sign(keys);
        return repo::judge_index(index.text(), rules);
    }
    std::string refusal(const std::vector<SecretKey>& keys) {
        try {
            accept(keys);
        } catch (const base::Error& error) {
            return error.kind() == base::ErrorKind::trust ? error.cause() : "not of trust";
        }
        return "accepted";
    }
    void see(std::uint64_t serial, std::int64_t made_at, const std::string& identity = "ours") {
        rules.seen = repo::SeenIndex{identity, serial, base::from_unix(made_at), "digest"};
    }
};

} // namespace

TEST_CASE("a good index is accepted with those who signed it", "[repo][trust]") {
    World world;
    const SecretKey stranger = SecretKey::generate();

    const AcceptedIndex accepted = world.accept({stranger, world.second, world.key});

    CHECK(accepted.index.serial == 42);
    CHECK(accepted.signers.size() == 2);
    CHECK(accepted.text_sha256 == base::sha256(accepted.index.signed_text));
    CHECK_FALSE(accepted.older);
}

TEST_CASE("a clock that is set back does not make an expired index fresh", "[repo][trust][attack]") {
    World world;
    world.index.serial = 43;
    CHECK(world.refusal({world.key}) == "accepted");
    // The index that was accepted last was made when this one had expired already.
    world.see(42, today + 2000);

    CHECK_THAT(world.refusal({world.key}), ContainsSubstring("its index has expired at "));
}

TEST_CASE("the last moment of an index is the one before it expires", "[repo][trust]") {
    World world;
    world.rules.now = base::from_unix(today + 999);
    CHECK(world.refusal({world.key}) == "accepted");
    world.rules.now = base::from_unix(today + 1000);
    CHECK_THAT(world.refusal({world.key}), ContainsSubstring("its index has expired"));
    world.rules.now = base::from_unix(today - 100) - repo::clock_tolerance;
    CHECK(world.refusal({world.key}) == "accepted");
    world.rules.now -= std::chrono::seconds(1);
    CHECK_THAT(world.refusal({world.key}), ContainsSubstring("its index was made in the future"));
}

TEST_CASE("a lower serial is refused before anything else about it is said", "[repo][trust][attack]") {
    World world;
    world.see(43, today - 50);
    world.index.expires = base::from_unix(today - 10);

    CHECK_THAT(world.refusal({world.key}), ContainsSubstring("its index is an older one: serial 42 of "));
    world.rules.allow_older = true;
    CHECK_THAT(world.refusal({world.key}), ContainsSubstring("its index has expired"));
    world.index.expires = base::from_unix(today + 10);
    CHECK(world.accept({world.key}).older);
}

TEST_CASE("an index cannot be signed by the key that it takes back", "[repo][trust][attack]") {
    World world;
    world.index.revoked = {world.key.public_key().id()};

    CHECK_THAT(world.refusal({world.key}), ContainsSubstring("which was revoked"));
    CHECK(world.refusal({world.key, world.second}) == "accepted");
}

TEST_CASE("serials of another repository say nothing about this one's", "[repo][trust]") {
    World world;
    world.see(9000, today, "theirs");

    CHECK(world.refusal({world.key}) ==
          "the signed index is that of repository ours, before it was that of theirs");
    world.rules.identity = "ours";
    CHECK(world.refusal({world.key}) == "accepted");
}

TEST_CASE("the id of a key is no proof", "[repo][trust][attack]") {
    World world;
    const SecretKey stranger = SecretKey::generate();
    world.index.sign({stranger});
    world.index.signatures[0].key_id = world.key.public_key().id();

    std::string cause = "accepted";
    try {
        repo::judge_index(world.index.text(), world.rules);
    } catch (const base::Error& error) {
        cause = error.cause();
    }
    CHECK_THAT(cause, ContainsSubstring("is not over this index"));
}
