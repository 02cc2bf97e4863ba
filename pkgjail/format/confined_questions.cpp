// What is asked of a confined process in one go: a list of vulnerabilities, a packing list, a signature.
#include <utility>

#include "pkgjail/format/changed_package.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/confined_stream.hpp"
#include "pkgjail/format/reading_server.hpp"

namespace pkgjail::format {

namespace {

class TextSource : public ByteSource {
  public:
    explicit TextSource(std::string_view text) : rest_(text) {}
    std::string_view next() override { return std::exchange(rest_, {}); }

  private:
    std::string_view rest_;
};

} // namespace

VulnerabilityList read_vulnerabilities(std::string_view text, std::string_view name) {
    if (ReadingHere::is_wanted())
        return parse_vulnerabilities(text, name);
    TextSource input(text);
    ConfinedStream stream(input, {ReadingKind::vulnerabilities, 0, 0, std::string(name)}, serve_reading);
    VulnerabilityList list;
    Frame frame = stream.next();
    if (frame.type != FrameType::head)
        stream.refuse();
    list.head = decode_head(frame.content, stream.name());
    std::size_t bytes = list.head.revision.size();
    for (frame = stream.next(); frame.type != FrameType::end; frame = stream.next()) {
        if (frame.type != FrameType::entries)
            stream.refuse();
        for (Vulnerability& entry : decode_entries(frame.content, stream.name())) {
            bytes += entry.pattern.size() + entry.type.size() + entry.url.size();
            list.entries.push_back(std::move(entry));
        }
        if (bytes > text.size() || list.entries.size() > text.size()) // it has no word that is not in there
            stream.refuse();
    }
    return list;
}

Plist read_packing_list(std::string_view text, const std::string& name) {
    if (ReadingHere::is_wanted())
        return base::while_doing(name, [&] { return Plist::parse(text); });
    TextSource input(text);
    ConfinedStream stream(input, {ReadingKind::packing_list, 0, 0, name}, serve_reading);
    const Frame frame = stream.next();
    if (frame.type != FrameType::lists)
        stream.refuse();
    std::optional<Plist> plist = decode_lists(frame.content, name).plist;
    if (!plist || stream.next().type != FrameType::end)
        stream.refuse();
    return std::move(*plist);
}

X509Signer verify_x509(std::string_view signature, std::string_view content, const X509Trust& trust,
                       X509Use use, base::WallTime now, const std::string& name) {
    if (ReadingHere::is_wanted())
        return judge_x509(signature, content, trust, use, now, name);
    const std::string question =
        encode(X509Question{std::string(signature), std::string(content), trust, use, base::to_unix(now)});
    TextSource input(question);
    ConfinedStream stream(input, {ReadingKind::x509, 0, 0, name}, serve_reading);
    try {
        const Frame frame = stream.next();
        if (frame.type != FrameType::signer)
            stream.refuse();
        X509Signer signer = decode_signer(frame.content, name);
        if (stream.next().type != FrameType::end)
            stream.refuse();
        return signer;
    } catch (const base::Error& error) {
        if (is_x509_changed_hint(error.hint())) // whose kind alone comes from over there
            throw ChangedAfterSigning(error.object(), error.cause(), error.hint());
        throw;
    }
}

} // namespace pkgjail::format
