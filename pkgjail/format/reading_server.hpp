// What a confined process does: it reads what it is asked to, with libarchive, OpenSSL and our own parsers,
// and answers in frames.
#pragma once

namespace pkgjail::format {

/// For base::start_confined. The stream begins with a ReadingRequest, its length in four bytes before it;
/// then come the bytes to be read, up to the end.
void serve_reading(int stream);

} // namespace pkgjail::format
