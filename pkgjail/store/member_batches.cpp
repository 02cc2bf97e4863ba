#include "pkgjail/store/member_batches.hpp"

#include <utility>

namespace pkgjail::store {

MemberBatches::MemberBatches(MemberSink& sink, bool with_thread) : sink_(sink), worker_(with_thread) {
    batch().bytes.reset(new char[batch_size]);
}

void MemberBatches::begin(format::ArchiveMember member, std::optional<std::string> md5) {
    if (batch().parts.size() == most_members)
        hand_over();
    batch().parts.push_back({std::move(member), std::move(md5), 0, false});
}

MemberBatches::Room MemberBatches::room() {
    if (batch_size - batch().used < least_room) {
        hand_over();
        batch().parts.emplace_back(); // the rest of the present member
    }
    return {&batch().bytes[batch().used], batch_size - batch().used};
}

void MemberBatches::add(std::size_t size) {
    batch().parts.back().size += size;
    batch().used += size;
}

void MemberBatches::end() {
    batch().parts.back().ends = true;
    if (!worker_.has_thread()) // it costs nothing to tell at once
        hand_over();
}

void MemberBatches::finish() {
    hand_over();
    worker_.wait();
}

/// The present batch to the worker; the next one is empty then.
void MemberBatches::hand_over() {
    worker_.give([this, &given = batch()] { give_out(given); });
    present_ = worker_.has_thread() ? (present_ + 1) % batches : present_;
    worker_.wait(batches - 1);
    batch().used = 0;
    batch().parts.clear();
    if (!batch().bytes)
        batch().bytes.reset(new char[batch_size]);
}

void MemberBatches::give_out(const Batch& batch) const {
    std::string_view bytes(batch.bytes.get(), batch.used);
    for (const Part& part : batch.parts) {
        if (part.member)
            sink_.begin(*part.member, part.md5);
        if (part.size > 0)
            sink_.content(bytes.substr(0, part.size));
        bytes.remove_prefix(part.size);
        if (part.ends)
            sink_.end();
    }
}

} // namespace pkgjail::store
