// Linked into every program of a build with sanitizers. pkgjail gives what it starts an environment of its
// own, and the tests give pkgjail one, so how sanitizers work and where they tell what they found cannot come
// from ASAN_OPTIONS and its like alone; these may still change it. Compiled without sanitizers: it is called
// before they are ready.
//
// A finding ends the process with a status that no test expects, and is a file in PKGJAIL_FINDINGS as well,
// because nobody looks at the status of every process. One that may open no files tells it on standard error.

#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#define PKGJAIL_TELL "exitcode=99:log_path=" PKGJAIL_FINDINGS "/finding"

extern "C" {

// Memory is what these machines have little of: what was freed is not kept for long.
const char* __asan_default_options() {
    return PKGJAIL_TELL ":detect_leaks=1:quarantine_size_mb=16:detect_stack_use_after_return=0";
}

const char* __ubsan_default_options() {
    return PKGJAIL_TELL ":halt_on_error=1:print_stacktrace=1";
}

const char* __tsan_default_options() {
    return PKGJAIL_TELL ":halt_on_error=0";
}

// GCC's UndefinedBehaviorSanitizer takes no notice of log_path beside AddressSanitizer, but calls this.
__attribute__((weak)) void __ubsan_get_current_report_data(const char** kind, const char** message,
                                                           const char** file, unsigned* line,
                                                           unsigned* column, char** address);

void __ubsan_on_report() {
    if (__ubsan_get_current_report_data == nullptr)
        return;
    const char* kind = nullptr;
    const char* message = nullptr;
    const char* file = nullptr;
    unsigned line = 0;
    unsigned column = 0;
    char* address = nullptr;
    __ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
    char name[sizeof PKGJAIL_FINDINGS + 32];
    std::snprintf(name, sizeof name, "%s/undefined.%d", PKGJAIL_FINDINGS, static_cast<int>(::getpid()));
    const int fd = ::open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return; // the whole report goes to standard error in any case
    ::dprintf(fd, "%s:%u:%u: runtime error: %s: %s\n", file, line, column, kind, message);
    ::close(fd);
}
}
