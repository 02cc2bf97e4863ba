#include "pkgjail/store/content_digests.hpp"

#include <string_view>
#include <utility>

#include "pkgjail/base/digest_pair.hpp"
#include "pkgjail/format/archive.hpp"

namespace pkgjail::store {

ContentDigests::ContentDigests(std::string archive, bool with_thread)
    : archive_(std::move(archive)), worker_(with_thread) {
    batch().bytes.reset(new char[batch_size]);
}

void ContentDigests::begin(base::RootPath path, std::optional<std::string> md5) {
    if (batch().parts.size() == most_files)
        hand_over();
    batch().parts.push_back({std::move(path), std::move(md5), 0, true, false});
}

ContentDigests::Room ContentDigests::room() {
    if (batch_size - batch().used < least_room) {
        hand_over();
        batch().parts.emplace_back(); // the rest of the present file
    }
    return {&batch().bytes[batch().used], batch_size - batch().used};
}

void ContentDigests::add(std::size_t size) {
    batch().parts.back().size += size;
    batch().used += size;
}

void ContentDigests::end() {
    batch().parts.back().ends = true;
    if (!worker_.has_thread()) // it costs nothing to tell at once
        hand_over();
}

std::map<std::string, std::string> ContentDigests::finish() {
    hand_over();
    worker_.wait();
    return std::move(found_);
}

/// The present batch to the worker; the next one is empty then.
void ContentDigests::hand_over() {
    worker_.give([this, &given = batch()] { compute(given); });
    present_ = worker_.has_thread() ? (present_ + 1) % batches : present_;
    worker_.wait(batches - 1);
    batch().used = 0;
    batch().parts.clear();
    if (!batch().bytes)
        batch().bytes.reset(new char[batch_size]);
}

void ContentDigests::compute(const Batch& batch) {
    std::string_view bytes(batch.bytes.get(), batch.used);
    for (const Part& part : batch.parts) {
        if (part.begins) {
            path_ = part.path;
            promised_ = part.md5;
            sha256_.emplace(base::DigestAlgorithm::sha256);
            if (promised_)
                md5_.emplace(base::DigestAlgorithm::md5);
        }
        const std::string_view content = bytes.substr(0, part.size);
        bytes.remove_prefix(part.size);
        if (promised_)
            base::update_both(*md5_, *sha256_, content);
        else
            sha256_->update(content);
        if (part.ends)
            compare();
    }
}

void ContentDigests::compare() {
    if (promised_)
        if (const std::string md5 = md5_->finish(); md5 != *promised_)
            throw format::wrong_content(archive_, std::string(path_.relative()), md5, *promised_);
    found_[path_.str()] = sha256_->finish();
}

} // namespace pkgjail::store
