// Four small owners over SQLite: database, statement, one use of a statement, transaction. The only place
// that includes sqlite3.h is sqlite.cpp; the only room with SQL is this one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/path.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace pkgjail::catalog {

/// How long an access waits for another process's transaction before it is Error{busy}.
inline constexpr std::chrono::milliseconds default_patience{5'000};

/// How a failed call is told: SQLITE_BUSY/LOCKED is Error{busy}; CORRUPT/NOTADB is Error{corrupt} with the
/// hint "pkgjail catalog rebuild"; READONLY/CANTOPEN/PERM is Error{denied}; FULL and IOERR are Error{system};
/// a violated constraint is Error{conflict}. The object is the file.
class Database {
  public:
    enum class Mode { read_only, read_write, create };
    /// Foreign keys on, synchronous=FULL, trusted_schema off, defensive on. A missing file is made with mode
    /// 0600 by `create`, and is Error{not_found} otherwise. Nothing is written to a file that was there.
    ///
    /// With WAL, the -wal and -shm files stay after the last writer has left: with them a reader who may not
    /// write in the directory can still read. Where they are missing and cannot be made, read_only opens the
    /// file as unchanging only on a file system that is mounted read-only; elsewhere a writer could come, and
    /// it is Error{denied}.
    Database(const base::HostPath& file, Mode mode, std::chrono::milliseconds patience = default_patience);
    Database(Database&&) noexcept;
    Database& operator=(Database&&) = delete;
    ~Database();

    sqlite3* handle() const { return handle_; }
    const std::string& name() const { return name_; }
    /// Makes it a WAL database, if it is none; for the caller to do when it knows that the file is ours.
    void use_wal(std::chrono::milliseconds patience = default_patience);
    void execute(const char* fixed_sql); ///< literals only: schema, pragmas
    std::int64_t last_row() const;
    std::int64_t changes() const;
    /// Whether a transaction is open.
    bool in_transaction() const;
    /// Commits `work` without a sync of its own (a WAL that is begun anew has others); the next commit, or
    /// sync(), waits for it too, and a power cut before that takes it back. For what nobody is told of, and
    /// nothing on disk is made for, before that. Inside a transaction, `work` is a part of it.
    void without_sync(const std::function<void()>& work);
    /// Waits until what was committed is on disk, without_sync() or not.
    void sync();

  private:
    void open(const std::string& location, int flags, std::chrono::milliseconds patience);
    void open_to_read(std::chrono::milliseconds patience);
    void close() noexcept;

    friend class Statement;
    class Idle; ///< statements that nobody uses now

    sqlite3* handle_ = nullptr;
    std::string name_;
    std::shared_ptr<Idle> idle_;
};

/// A prepared statement. `sql` is a literal; it is prepared once for a database, and kept there when nobody
/// uses it, because preparing takes longer than most statements. Must not see its database moved.
class Statement {
  public:
    Statement(Database& database, const char* sql);
    Statement(Statement&&) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    /// One use: bind in order, then step through rows; reset when it goes out of scope. Values are copied
    /// when they are bound. Text may hold any bytes, NUL too. A statement has one use at a time.
    class Use {
      public:
        explicit Use(Statement& statement);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        Use& operator()(std::int64_t value);
        Use& operator()(std::string_view value);
        Use& operator()(const std::string& value) { return (*this)(std::string_view(value)); }
        Use& operator()(const char* value) { return (*this)(std::string_view(value)); }
        Use& operator()(std::nullptr_t);
        Use& operator()(const std::optional<std::string>& value);
        Use& operator()(const std::optional<std::int64_t>& value);
        bool next();    ///< true: there is a row
        void execute(); ///< for statements without rows
        std::int64_t integer(int column) const;
        std::string text(int column) const;
        std::string_view text_view(int column) const; ///< valid until the next next()
        std::optional<std::int64_t> optional_integer(int column) const;
        std::optional<std::string> optional_text(int column) const;

      private:
        Statement& statement_;
        int bound_ = 0;
    };
    Use use() { return Use(*this); }

  private:
    friend class Use;
    Database* database_ = nullptr;
    std::shared_ptr<Database::Idle> idle_; ///< where it goes afterwards
    const char* sql_ = nullptr;
    sqlite3_stmt* handle_ = nullptr;
};

/// BEGIN IMMEDIATE; rolled back unless committed. Inside another one it is a part of it: its commit takes
/// effect with the outer one's, its rollback undoes only what was done since it began.
class Transaction {
  public:
    explicit Transaction(Database& database);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();
    void commit();

  private:
    Database* database_;
    bool nested_ = false;
};

/// Several readings of one and the same state, whatever others commit meanwhile. Inside a Transaction it adds
/// nothing.
class ReadTransaction {
  public:
    explicit ReadTransaction(Database& database);
    ReadTransaction(const ReadTransaction&) = delete;
    ReadTransaction& operator=(const ReadTransaction&) = delete;
    ~ReadTransaction();

  private:
    Database* database_; ///< null: inside another one
};

} // namespace pkgjail::catalog
