#include "pkgjail/catalog/sqlite.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/retry.hpp"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

/// What SQLite says, and the system's reason where a system call is behind it.
std::string describe(sqlite3* handle, int code) {
    std::string text = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    const int primary = code & 0xff;
    const int reason = handle != nullptr ? sqlite3_system_errno(handle) : 0;
    if (reason != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL))
        text += " (" + std::generic_category().message(reason) + ")";
    return text;
}

[[noreturn]] void fail(sqlite3* handle, int code, const std::string& name) {
    const std::string text = describe(handle, code);
    const int reason = handle != nullptr ? sqlite3_system_errno(handle) : 0;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        throw Error(ErrorKind::busy, name, "another pkgjail is writing to it: " + text,
                    "try again, or give --wait SECONDS");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        throw Error(ErrorKind::corrupt, name, text, "pkgjail catalog rebuild");
    case SQLITE_CANTOPEN:
        // Too many open files, a disk that fails, a full one: nobody denies anything.
        if (reason != 0 && reason != EACCES && reason != EPERM && reason != EROFS)
            throw Error(ErrorKind::system, name, text);
        throw Error(ErrorKind::denied, name, text);
    case SQLITE_READONLY:
        // The file itself is open for writing.
        if (handle != nullptr && sqlite3_db_readonly(handle, "main") == 0 &&
            ::access(name.c_str(), W_OK) == 0)
            throw Error(ErrorKind::system, name, text + ": its -wal or -shm file could not be opened or made",
                        "see that there is room in this directory, and that it can be written");
        throw Error(ErrorKind::denied, name, text);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        throw Error(ErrorKind::denied, name, text);
    case SQLITE_FULL:
        throw Error(
            ErrorKind::system, name, text,
            "make room on the file system that holds it; what lies in the cache of the state directory may "
            "be removed, and is downloaded again");
    case SQLITE_CONSTRAINT:
        throw Error(ErrorKind::conflict, name, text);
    default:
        throw Error(ErrorKind::system, name, text);
    }
}

/// A "file:" URI for `path`, which may hold any byte.
std::string unchanging_uri(const std::string& path) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string uri = "file:";
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || byte == '/' || byte == '.' || byte == '-' ||
                           byte == '_';
        if (plain) {
            uri += c;
        } else {
            uri += '%';
            uri += digits[byte >> 4];
            uri += digits[byte & 15];
        }
    }
    return uri + "?immutable=1";
}

/// Whether nothing can change the file while it is read without locks: the whole file system is read-only,
/// and no committed pages wait in a WAL file.
bool never_changes(const std::string& path) {
    struct statvfs file_system {};
    if (::statvfs(path.c_str(), &file_system) != 0 || (file_system.f_flag & ST_RDONLY) == 0)
        return false;
    struct stat wal {};
    return ::stat((path + "-wal").c_str(), &wal) != 0 && errno == ENOENT;
}

constexpr std::uint64_t little_room = 4u << 20;

} // namespace

class Database::Idle {
  public:
    Idle() = default;
    Idle(const Idle&) = delete;
    Idle& operator=(const Idle&) = delete;
    ~Idle() { close(); }

    /// nullptr where there is none of this text.
    sqlite3_stmt* take(std::string_view sql) {
        const auto found = statements_.find(sql);
        return found == statements_.end() ? nullptr : std::exchange(found->second, nullptr);
    }
    /// `sql` must stay.
    void put(std::string_view sql, sqlite3_stmt* statement) {
        sqlite3_stmt*& place = statements_[sql];
        if (is_open_ && place == nullptr)
            place = statement;
        else // two of one text at a time; or the database is closed, and goes with the last of them
            sqlite3_finalize(statement);
    }
    void close() {
        is_open_ = false;
        for (auto& [sql, statement] : statements_)
            sqlite3_finalize(std::exchange(statement, nullptr));
    }

  private:
    bool is_open_ = true;
    std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
};

Database::Database(const base::HostPath& file, Mode mode, std::chrono::milliseconds patience)
    : // Absolute: SQLite would take a name that begins with "file:" or ":" for something else.
      name_(std::filesystem::absolute(file).string()) {
    try {
        struct stat status {};
        if (mode == Mode::create) {
            // SQLite makes its files with the mode of this one. Exclusively and only where there is none:
            // closing any descriptor of an existing file would drop the locks that this process has on it.
            const int fd = base::retrying(
                [&] { return ::open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); });
            if (fd >= 0)
                ::close(fd);
            else if (errno != EEXIST)
                throw base::system_error(errno, name_, "open");
        } else if (::stat(name_.c_str(), &status) != 0) {
            throw base::system_error(errno, name_, "stat");
        } else if (!S_ISREG(status.st_mode)) {
            throw Error(ErrorKind::corrupt, name_, "not a regular file");
        }
        if (mode == Mode::read_only) {
            open_to_read(patience);
        } else {
            open(name_, SQLITE_OPEN_READWRITE, patience);
            // When the system fails to open it for writing, SQLite goes on with reading. Nobody denied that.
            if (sqlite3_db_readonly(handle_, "main") == 1 && ::access(name_.c_str(), W_OK) == 0)
                throw Error(
                    ErrorKind::system, name_, "the system did not open it for writing",
                    "it may be written by whoever runs this: try again, and look at the disk it is on");
            // SQLite's index of the WAL is a mapped file with holes, and a full file system has no block for
            // one: that would be a SIGBUS in the middle of a commit. So with little room it stays in memory,
            // at the price of having the catalog alone.
            if (base::free_bytes(name_) < little_room)
                execute("PRAGMA locking_mode = EXCLUSIVE");
            int keep_wal = 1;
            sqlite3_file_control(handle_, "main", SQLITE_FCNTL_PERSIST_WAL, &keep_wal);
            execute("PRAGMA synchronous = FULL");
            execute("PRAGMA journal_size_limit = 4194304");
            // An index is replaced in one transaction; with less memory its pages would be written more than
            // once.
            execute("PRAGMA cache_size = -65536");
        }
    } catch (...) {
        close();
        throw;
    }
}

void Database::open(const std::string& location, int flags, std::chrono::milliseconds patience) {
    idle_ = std::make_shared<Idle>();
    const int code = sqlite3_open_v2(location.c_str(), &handle_, flags | SQLITE_OPEN_EXRESCODE, nullptr);
    if (code != SQLITE_OK)
        fail(handle_, code, name_);
    // The catalog may have been written by somebody else: nothing in it may call functions or reach the
    // schema.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
    const auto milliseconds = std::min<std::int64_t>(patience.count(), std::numeric_limits<int>::max());
    sqlite3_busy_timeout(handle_, static_cast<int>(milliseconds));
    execute("PRAGMA cell_size_check = ON");
}

void Database::open_to_read(std::chrono::milliseconds patience) {
    try {
        open(name_, SQLITE_OPEN_READONLY, patience);
        // Opening reads nothing; this does, and so meets a WAL file that cannot be made.
        execute("PRAGMA schema_version");
        return;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::denied || ::access(name_.c_str(), R_OK) != 0)
            throw;
    }
    close();
    if (!never_changes(name_))
        throw Error(
            ErrorKind::denied, name_,
            "cannot be read safely: its -wal and -shm files cannot be opened or made in this directory",
            "run it as the owner of the state directory");
    open(unchanging_uri(name_), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, patience);
    execute("PRAGMA schema_version");
}

void Database::use_wal(std::chrono::milliseconds patience) {
    // Changing to WAL needs the file alone and does not always wait for it; two processes may be making it at
    // once.
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const int code = sqlite3_exec(handle_, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
        if (code == SQLITE_OK)
            return;
        if ((code & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() >= deadline)
            fail(handle_, code, name_);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), name_(std::move(other.name_)),
      idle_(std::move(other.idle_)) {}

Database::~Database() {
    close();
}

void Database::close() noexcept {
    if (idle_)
        idle_->close();
    // v2: a statement that is still alive keeps the connection until it is gone.
    sqlite3_close_v2(std::exchange(handle_, nullptr));
}

void Database::execute(const char* fixed_sql) {
    const int code = sqlite3_exec(handle_, fixed_sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        fail(handle_, code, name_);
}

std::int64_t Database::last_row() const {
    return sqlite3_last_insert_rowid(handle_);
}

std::int64_t Database::changes() const {
    return sqlite3_changes(handle_);
}

bool Database::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

void Database::without_sync(const std::function<void()>& work) {
    if (in_transaction())
        return work();
    // Of a WAL database: commits that wait for nothing, unless they are the first into an empty WAL, whose
    // header and name are synced; and checkpoints that wait.
    execute("PRAGMA synchronous = NORMAL");
    try {
        work();
    } catch (...) {
        execute("PRAGMA synchronous = FULL");
        throw;
    }
    execute("PRAGMA synchronous = FULL");
}

void Database::sync() {
    sqlite3_file* wal = nullptr; // an update that changes nothing would not be written, nor waited for
    const int code = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (code != SQLITE_OK)
        fail(handle_, code, name_);
    if (wal != nullptr && wal->pMethods != nullptr &&
        wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL) != SQLITE_OK)
        throw base::system_error(errno, name_ + "-wal", "fsync");
}

Statement::Statement(Database& database, const char* sql)
    : database_(&database), idle_(database.idle_), sql_(sql), handle_(idle_->take(sql)) {
    if (handle_ != nullptr)
        return;
    const int code =
        sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
    if (code != SQLITE_OK)
        fail(database.handle(), code, database.name());
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), idle_(std::move(other.idle_)), sql_(other.sql_),
      handle_(std::exchange(other.handle_, nullptr)) {}

Statement::~Statement() {
    if (handle_ != nullptr)
        idle_->put(sql_, handle_);
}

Statement::Use::Use(Statement& statement) : statement_(statement) {}

Statement::Use::~Use() {
    // What went wrong in a step was thrown by it; reset only says it again.
    sqlite3_reset(statement_.handle_);
    sqlite3_clear_bindings(statement_.handle_);
}

Statement::Use& Statement::Use::operator()(std::int64_t value) {
    const int code = sqlite3_bind_int64(statement_.handle_, ++bound_, value);
    if (code != SQLITE_OK)
        fail(statement_.database_->handle(), code, statement_.database_->name());
    return *this;
}

Statement::Use& Statement::Use::operator()(std::string_view value) {
    // An empty view may have a null pointer, which SQLite would take for NULL.
    const char* bytes = value.data() != nullptr ? value.data() : "";
    const int code =
        sqlite3_bind_text64(statement_.handle_, ++bound_, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    if (code != SQLITE_OK)
        fail(statement_.database_->handle(), code, statement_.database_->name());
    return *this;
}

Statement::Use& Statement::Use::operator()(std::nullptr_t) {
    const int code = sqlite3_bind_null(statement_.handle_, ++bound_);
    if (code != SQLITE_OK)
        fail(statement_.database_->handle(), code, statement_.database_->name());
    return *this;
}

Statement::Use& Statement::Use::operator()(const std::optional<std::string>& value) {
    return value ? (*this)(std::string_view(*value)) : (*this)(nullptr);
}

Statement::Use& Statement::Use::operator()(const std::optional<std::int64_t>& value) {
    return value ? (*this)(*value) : (*this)(nullptr);
}

bool Statement::Use::next() {
    const int code = sqlite3_step(statement_.handle_);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        fail(statement_.database_->handle(), code, statement_.database_->name());
    return false;
}

void Statement::Use::execute() {
    while (next()) {
    }
}

std::int64_t Statement::Use::integer(int column) const {
    return sqlite3_column_int64(statement_.handle_, column);
}

std::string_view Statement::Use::text_view(int column) const {
    // The pointer first: asking for the length may convert.
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.handle_, column));
    const int size = sqlite3_column_bytes(statement_.handle_, column);
    return bytes != nullptr ? std::string_view(bytes, static_cast<std::size_t>(size)) : std::string_view();
}

std::string Statement::Use::text(int column) const {
    return std::string(text_view(column));
}

std::optional<std::int64_t> Statement::Use::optional_integer(int column) const {
    if (sqlite3_column_type(statement_.handle_, column) == SQLITE_NULL)
        return std::nullopt;
    return integer(column);
}

std::optional<std::string> Statement::Use::optional_text(int column) const {
    if (sqlite3_column_type(statement_.handle_, column) == SQLITE_NULL)
        return std::nullopt;
    return text(column);
}

Transaction::Transaction(Database& database) : database_(&database), nested_(database.in_transaction()) {
    // Immediate: a transaction that begins by reading and then writes could be refused half way.
    database.execute(nested_ ? "SAVEPOINT part" : "BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    // After some failures (disk full) SQLite has already undone everything and no transaction is open.
    if (database_ == nullptr || !database_->in_transaction())
        return;
    // Nothing to be told: if even this fails, closing the database rolls back.
    sqlite3_exec(database_->handle(), nested_ ? "ROLLBACK TO part; RELEASE part" : "ROLLBACK", nullptr,
                 nullptr, nullptr);
}

void Transaction::commit() {
    database_->execute(nested_ ? "RELEASE part" : "COMMIT");
    database_ = nullptr;
}

ReadTransaction::ReadTransaction(Database& database)
    : database_(database.in_transaction() ? nullptr : &database) {
    if (database_ != nullptr)
        database_->execute("BEGIN");
}

ReadTransaction::~ReadTransaction() {
    if (database_ != nullptr && database_->in_transaction())
        sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

} // namespace pkgjail::catalog
