#include "pkgjail/repo/judge_index.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;
using format::PublicKey;
using format::SignedIndex;

constexpr const char* damaged =
    "run `pkgjail update` again; if it stays, the repository is damaged or somebody "
    "changes it on its way";

class Judge {
  public:
    Judge(std::string_view text, const IndexRules& rules) : text_(text), rules_(rules) {}

    AcceptedIndex run() {
        parse();
        check_signatures();
        check_identity();
        check_clock();
        check_serial();
        require_fresh(rules_.repository, accepted_.index.made_at, accepted_.index.expires, proved_now());
        return std::move(accepted_);
    }

  private:
    [[noreturn]] void refuse(std::string cause, std::string hint) const {
        throw Error(ErrorKind::trust, rules_.repository, std::move(cause), std::move(hint));
    }

    void parse() {
        if (text_.empty())
            refuse(fmt::format("its signature {} is empty", SignedIndex::file_name), damaged);
        try {
            accepted_.index = SignedIndex::parse(text_);
        } catch (const Error& error) {
            refuse(fmt::format("its signature cannot be read: {}: {}", error.object(), error.cause()),
                   damaged);
        }
        accepted_.text_sha256 = base::sha256(accepted_.index.signed_text);
    }

    void check_signatures() {
        const std::vector<SignedIndex::Signature>& signatures = accepted_.index.signatures;
        if (signatures.empty())
            refuse(fmt::format("{} holds no signature", SignedIndex::file_name), damaged);
        std::set<std::string> good, revoked, unknown;
        for (const SignedIndex::Signature& signature : signatures) {
            bool known = false, fits = false;
            for (const PublicKey& key : rules_.keys)
                if (key.id() == signature.key_id) {
                    known = true;
                    fits = fits || key.verifies(accepted_.index.signed_text, signature.bytes);
                }
            if (!known)
                unknown.insert(signature.key_id);
            else if (!fits) // also beside a good one: no honest publisher writes such a thing
                refuse(fmt::format("the signature by key {} is not over this index: one of them was changed",
                                   signature.key_id),
                       damaged);
            else
                (rules_.revoked.contains(signature.key_id) ? revoked : good).insert(signature.key_id);
        }
        // A key cannot speak for itself once it is taken back.
        for (const std::string& id : accepted_.index.revoked)
            if (good.erase(id) != 0)
                revoked.insert(id);
        if (good.empty() && !revoked.empty())
            refuse(fmt::format("its index is signed by key {}, which was revoked", fmt::join(revoked, ", ")),
                   fmt::format("get the publisher's new key from somebody you trust and set it in {} of "
                               "repositories.conf",
                               rules_.section));
        if (good.empty())
            refuse(fmt::format("its index is signed by key {}, which is none of those configured ({})",
                               fmt::join(unknown, ", "), known_ids()),
                   fmt::format("compare with `key` in {} of repositories.conf", rules_.section));
        accepted_.signers.assign(good.begin(), good.end());
    }

    std::string known_ids() const {
        std::vector<std::string> ids;
        for (const PublicKey& key : rules_.keys)
            ids.push_back(key.id());
        return ids.empty() ? "none" : fmt::format("{}", fmt::join(ids, ", "));
    }

    void check_identity() const {
        const std::string& found = accepted_.index.repository;
        const bool asked = !rules_.identity.empty();
        if (!asked && !rules_.seen)
            return;
        const std::string& wanted = asked ? rules_.identity : rules_.seen->identity;
        if (found != wanted)
            refuse(fmt::format("the signed index is that of repository {}, {} {}", found,
                               asked ? "wanted is" : "before it was that of", wanted),
                   fmt::format("if the repository was renamed on purpose, set `id = {}` in {} of "
                               "repositories.conf",
                               found, rules_.section));
    }

    void check_clock() const {
        if (accepted_.index.made_at > rules_.now + clock_tolerance)
            refuse(fmt::format("its index was made in the future: at {}, and here it is {}",
                               base::format_time(accepted_.index.made_at), base::format_time(rules_.now)),
                   "compare this host's clock, then the publisher's");
    }

    bool same_repository_was_seen() const {
        return rules_.seen && rules_.seen->identity == accepted_.index.repository;
    }

    void check_serial() {
        if (!same_repository_was_seen())
            return;
        const std::uint64_t serial = accepted_.index.serial;
        if (serial == rules_.seen->serial && accepted_.text_sha256 != rules_.seen->text_sha256)
            refuse(fmt::format("its index has serial {}, which was seen before with another content", serial),
                   "two indexes of one serial are none of an honest publisher; ask the repository's owner");
        if (serial >= rules_.seen->serial)
            return;
        if (!rules_.allow_older)
            refuse(
                fmt::format("its index is an older one: serial {} of {}, and serial {} was seen before",
                            serial, base::format_time(accepted_.index.made_at), rules_.seen->serial),
                fmt::format("somebody may be hiding newer packages; `pkgjail update --allow-older {}` takes "
                            "it all the same",
                            rules_.name));
        accepted_.older = true;
    }

    base::WallTime proved_now() const {
        return same_repository_was_seen() && !accepted_.older
                   ? effective_now(rules_.now, rules_.seen->made_at)
                   : rules_.now;
    }

    std::string_view text_;
    const IndexRules& rules_;
    AcceptedIndex accepted_;
};

} // namespace

AcceptedIndex judge_index(std::string_view text, const IndexRules& rules) {
    return Judge(text, rules).run();
}

base::WallTime effective_now(base::WallTime now, base::WallTime proved) {
    return std::max(now, proved);
}

void require_fresh(const std::string& repository, base::WallTime made_at, base::WallTime expires,
                   base::WallTime now) {
    if (expires > now)
        return;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - made_at);
    throw Error(ErrorKind::trust, repository,
                fmt::format("its index has expired at {}; it was made {} ago", base::format_time(expires),
                            base::format_duration(age)),
                "run `pkgjail update`; if it stays, the publisher has to sign anew, or somebody keeps newer "
                "indexes from you");
}

} // namespace pkgjail::repo
