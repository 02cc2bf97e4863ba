// What a confined process gives up on Linux, beside what every Unix has; see confined.hpp. Nothing here
// throws: it runs between fork and the work.
#pragma once

/// Sanitizers need more than other code, and their reports are to be seen.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PKGJAIL_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define PKGJAIL_SANITIZED
#endif
#endif

namespace pkgjail::base {

#ifdef __linux__

enum class Given { done, unavailable, failed }; ///< the last with errno

/// The helper may fork, take descriptors and lower limits; work may not.
enum class CallFilter { helper, work };
/// Needs no_new_privs. Unavailable where the kernel has no filters, or the processor is one that we have no
/// table for.
Given filter_system_calls(CallFilter filter);

/// Landlock: every access to files, to TCP ports, to signals and sockets of others, as far as the kernel
/// knows them.
Given give_up_files_and_ports();

/// All capabilities. False with errno.
bool drop_capabilities();

/// Memory that others write or see written: what this process has mapped shared and writable is unmapped.
/// False where /proc does not tell.
bool drop_shared_memory();

#endif

} // namespace pkgjail::base
