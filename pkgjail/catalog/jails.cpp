#include "pkgjail/catalog/jails.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/address_overlap.hpp"
#include "pkgjail/catalog/generation_merge.hpp"
#include "pkgjail/catalog/jail_mounts.hpp"

#define JAIL_COLUMNS                                                                                         \
    "jail_id, name, recipe, profile, network, limits_template, wanted_running, created_at,"                  \
    " current_generation, operation"

#define GENERATION_COLUMNS "number, image_id, generation.created_at, command, reason, outcome"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

/// A jail without a row has neither choice nor address.
void read_network(Database& database, Jail& jail) {
    Statement network(database, "SELECT mode, nat, resolv, address FROM jail_network WHERE jail_id = ?");
    auto row = network.use();
    if (row(jail.id).next()) {
        jail.network_choice.mode = row.text(0);
        jail.network_choice.nat = row.text(1);
        jail.network_choice.resolv = row.text(2);
        jail.address = row.optional_text(3).value_or("");
    }
    Statement ports(database, "SELECT port FROM jail_publish WHERE jail_id = ? ORDER BY position");
    auto port = ports.use();
    port(jail.id);
    while (port.next())
        jail.network_choice.publish.push_back(port.text(0));
}

void insert_network(Database& database, const Jail& jail) {
    const jail::NetworkChoice& choice = jail.network_choice;
    Statement(database, "INSERT INTO jail_network (jail_id, mode, nat, resolv) VALUES (?, ?, ?, ?)"
                        " ON CONFLICT (jail_id) DO UPDATE SET mode = excluded.mode, nat = excluded.nat,"
                        " resolv = excluded.resolv")
        .use()(jail.id)(choice.mode)(choice.nat)(choice.resolv)
        .execute();
    Statement port(database, "INSERT INTO jail_publish (jail_id, position, port) VALUES (?, ?, ?)");
    std::int64_t position = 0;
    for (const std::string& text : choice.publish)
        port.use()(jail.id)(position++)(text).execute();
}

/// The jail has its row.
void put_address(Database& database, const std::string& id, const std::string& address) {
    Statement taken(database, "SELECT name FROM jail_network JOIN jail USING (jail_id)"
                              " WHERE address = ? AND jail_id <> ?");
    auto row = taken.use();
    if (row(address)(id).next())
        throw Error(ErrorKind::conflict, "address " + address,
                    "jail " + row.text(0) + " has got it meanwhile", "try again");
    const std::optional<std::string> value = address.empty() ? std::nullopt : std::optional(address);
    Statement(database, "UPDATE jail_network SET address = ? WHERE jail_id = ?").use()(value)(id).execute();
}

std::map<std::string, std::string> read_settings(Database& database, const std::string& jail_id,
                                                 std::int64_t number) {
    std::map<std::string, std::string> settings;
    Statement statement(database,
                        "SELECT key, value FROM generation_setting WHERE jail_id = ? AND number = ?");
    auto setting = statement.use();
    setting(jail_id)(number);
    while (setting.next())
        settings.emplace(setting.text(0), setting.text(1));
    return settings;
}

Jail read_jail(Database& database, const Statement::Use& row) {
    Jail jail;
    jail.id = row.text(0);
    jail.name = row.text(1);
    jail.recipe = row.text(2);
    jail.profile = row.text(3);
    jail.network = row.text(4);
    jail.limits_template = row.text(5);
    jail.wanted_running = row.integer(6) != 0;
    jail.created_at = row.integer(7);
    jail.current = row.integer(8);
    jail.operation = row.optional_text(9);

    jail.settings = read_settings(database, jail.id, jail.current);

    Statement limits(database, "SELECT name, value FROM jail_limit WHERE jail_id = ?");
    auto limit = limits.use();
    limit(jail.id);
    while (limit.next())
        jail.limit_overrides.emplace(limit.text(0), limit.text(1));

    Statement claims(database, "SELECT protocol, address, port FROM jail_claim WHERE jail_id = ?"
                               " ORDER BY protocol, port, address");
    auto claim = claims.use();
    claim(jail.id);
    while (claim.next())
        jail.claims.push_back({claim.text(0), claim.text(1), claim.integer(2)});

    read_network(database, jail);

    Statement holds(database, "SELECT pkgbase, reason, until FROM jail_hold WHERE jail_id = ?"
                              " ORDER BY pkgbase");
    auto hold = holds.use();
    hold(jail.id);
    while (hold.next())
        jail.holds.push_back({hold.text(0), hold.text(1), hold.optional_integer(2)});
    read_mounts(database, jail);
    return jail;
}

/// Limits, claims, network, holds and mounts; a claim written twice counts once.
void insert_belongings(Database& database, const Jail& jail) {
    Statement limit(database, "INSERT INTO jail_limit (jail_id, name, value) VALUES (?, ?, ?)");
    for (const auto& [name, value] : jail.limit_overrides)
        limit.use()(jail.id)(name)(value).execute();
    Statement claim(database, "INSERT INTO jail_claim (jail_id, protocol, address, port) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT DO NOTHING");
    for (const PortClaimRow& row : jail.claims)
        claim.use()(jail.id)(row.protocol)(row.address)(row.port).execute();
    insert_network(database, jail);
    Statement hold(database, "INSERT INTO jail_hold (jail_id, pkgbase, reason, until) VALUES (?, ?, ?, ?)");
    for (const Hold& row : jail.holds)
        hold.use()(jail.id)(row.pkgbase)(row.reason)(row.until).execute();
    insert_mounts(database, jail);
}

void insert_generation(Database& database, const std::string& jail_id, const Generation& generation) {
    Statement image(database, "SELECT image_number FROM image WHERE image_id = ?");
    auto found = image.use();
    if (!found(generation.image_id).next())
        throw Error(ErrorKind::not_found, "image " + generation.image_id, "is not in the catalog");
    Statement(database,
              "INSERT INTO generation (jail_id, number, image_number, created_at, command, reason, outcome)"
              " VALUES (?, ?, ?, ?, ?, ?, ?)")
        .use()(jail_id)(generation.number)(found.integer(0))(generation.created_at)(generation.command)(
            generation.reason)(generation.outcome)
        .execute();
    Statement wish(database,
                   "INSERT INTO generation_wish (jail_id, number, position, wish) VALUES (?, ?, ?, ?)");
    std::int64_t position = 0;
    for (const std::string& text : generation.wishes)
        wish.use()(jail_id)(generation.number)(position++)(text).execute();
    Statement setting(database,
                      "INSERT INTO generation_setting (jail_id, number, key, value) VALUES (?, ?, ?, ?)");
    for (const auto& [key, value] : generation.settings)
        setting.use()(jail_id)(generation.number)(key)(value).execute();
    insert_merge(database, jail_id, generation);
}

Generation read_generation(Database& database, const std::string& jail_id, const Statement::Use& row) {
    Generation generation;
    generation.number = row.integer(0);
    generation.image_id = row.text(1);
    generation.created_at = row.integer(2);
    generation.command = row.text(3);
    generation.reason = row.text(4);
    generation.outcome = row.text(5);
    Statement wishes(database,
                     "SELECT wish FROM generation_wish WHERE jail_id = ? AND number = ? ORDER BY position");
    auto wish = wishes.use();
    wish(jail_id)(generation.number);
    while (wish.next())
        generation.wishes.push_back(wish.text(0));
    generation.settings = read_settings(database, jail_id, generation.number);
    read_merge(database, jail_id, generation);
    return generation;
}

/// After an UPDATE or DELETE by id.
void expect_a_jail(Database& database, const std::string& id) {
    if (database.changes() == 0)
        throw Error(ErrorKind::not_found, "jail " + id, "is not in the catalog");
}

void refuse_taken_name(Database& database, const std::string& name, const std::string& except_id) {
    Statement statement(database, "SELECT 1 FROM jail WHERE name = ? AND jail_id <> ?");
    auto row = statement.use();
    if (row(name)(except_id).next())
        throw Error(ErrorKind::conflict, name, "there is a jail of this name");
}

} // namespace

Jails::Jails(Catalog& catalog) : catalog_(catalog) {}

std::vector<Jail> Jails::all() {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(), "SELECT " JAIL_COLUMNS " FROM jail ORDER BY name");
    std::vector<Jail> jails;
    auto row = statement.use();
    while (row.next())
        jails.push_back(read_jail(catalog_.database(), row));
    return jails;
}

std::vector<JailNote> Jails::notes() {
    Statement statement(
        catalog_.database(),
        "SELECT jail_id, current_generation, operation FROM jail WHERE operation IS NOT NULL ORDER BY name");
    std::vector<JailNote> notes;
    auto row = statement.use();
    while (row.next())
        notes.push_back({row.text(0), row.integer(1), row.text(2)});
    return notes;
}

std::optional<Jail> Jails::find(const std::string& name) {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(), "SELECT " JAIL_COLUMNS " FROM jail WHERE name = ?");
    auto row = statement.use();
    if (!row(name).next())
        return std::nullopt;
    return read_jail(catalog_.database(), row);
}

std::optional<Jail> Jails::find_by_id(const std::string& id) {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(), "SELECT " JAIL_COLUMNS " FROM jail WHERE jail_id = ?");
    auto row = statement.use();
    if (!row(id).next())
        return std::nullopt;
    return read_jail(catalog_.database(), row);
}

bool Jails::contains(const std::string& id) {
    Statement statement(catalog_.database(), "SELECT 1 FROM jail WHERE jail_id = ?");
    return statement.use()(id).next();
}

void Jails::add(const Jail& jail, const Generation& first) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    refuse_taken_name(database, jail.name, "");
    Generation generation = first;
    generation.number = std::max<std::int64_t>(first.number, 1);
    generation.settings = jail.settings;
    Statement(database, "INSERT INTO jail (" JAIL_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .use()(jail.id)(jail.name)(jail.recipe)(jail.profile)(jail.network)(jail.limits_template)(
            std::int64_t{jail.wanted_running})(jail.created_at)(generation.number)(jail.operation)
        .execute();
    insert_belongings(database, jail);
    put_address(database, jail.id, jail.address);
    insert_generation(database, jail.id, generation);
    transaction.commit();
}

void Jails::update(const Jail& jail) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database, "UPDATE jail SET recipe = ?, profile = ?, network = ?, limits_template = ?,"
                        " wanted_running = ?, operation = ? WHERE jail_id = ?")
        .use()(jail.recipe)(jail.profile)(jail.network)(jail.limits_template)(
            std::int64_t{jail.wanted_running})(jail.operation)(jail.id)
        .execute();
    expect_a_jail(database, jail.id);
    Statement(database, "DELETE FROM jail_limit WHERE jail_id = ?").use()(jail.id).execute();
    Statement(database, "DELETE FROM jail_claim WHERE jail_id = ?").use()(jail.id).execute();
    Statement(database, "DELETE FROM jail_publish WHERE jail_id = ?").use()(jail.id).execute();
    Statement(database, "DELETE FROM jail_hold WHERE jail_id = ?").use()(jail.id).execute();
    delete_mounts(database, jail.id);
    insert_belongings(database, jail);
    transaction.commit();
}

void Jails::rename(const std::string& id, const std::string& new_name) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    refuse_taken_name(database, new_name, id);
    Statement(database, "UPDATE jail SET name = ? WHERE jail_id = ?").use()(new_name)(id).execute();
    expect_a_jail(database, id);
    transaction.commit();
}

void Jails::remove(const std::string& id) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    Statement(database, "DELETE FROM jail WHERE jail_id = ?").use()(id).execute();
    expect_a_jail(database, id);
    transaction.commit();
}

std::int64_t Jails::add_generation(const std::string& id, Generation generation) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    {
        Statement last(database, "SELECT ifnull(max(number), 0) FROM generation WHERE jail_id = ?");
        auto row = last.use();
        generation.number = row(id).next() ? row.integer(0) + 1 : 1;
    }
    // The jail first: where there is none, nothing was inserted yet.
    Statement(database, "UPDATE jail SET current_generation = ? WHERE jail_id = ?")
        .use()(generation.number)(id)
        .execute();
    expect_a_jail(database, id);
    insert_generation(database, id, generation);
    transaction.commit();
    return generation.number;
}

void Jails::put_generation(const std::string& id, const Generation& generation) {
    Transaction transaction(catalog_.database());
    insert_generation(catalog_.database(), id, generation);
    transaction.commit();
}

void Jails::set_current(const std::string& id, std::int64_t number) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    if (!generation(id, number))
        throw Error(ErrorKind::not_found, "generation " + std::to_string(number),
                    "jail " + id + " has no such generation");
    Statement(database, "UPDATE jail SET current_generation = ? WHERE jail_id = ?")
        .use()(number)(id)
        .execute();
    transaction.commit();
}

void Jails::set_outcome(const std::string& id, std::int64_t number, const std::string& outcome) {
    Database& database = catalog_.database();
    Statement(database, "UPDATE generation SET outcome = ? WHERE jail_id = ? AND number = ?")
        .use()(outcome)(id)(number)
        .execute();
    if (database.changes() == 0)
        throw Error(ErrorKind::not_found, "generation " + std::to_string(number),
                    "jail " + id + " has no such generation");
}

bool Jails::decide(const std::string& id, std::int64_t number, const std::string& path,
                   const std::string& decision) {
    Database& database = catalog_.database();
    Statement(database, "UPDATE generation_conflict SET decision = ? WHERE jail_id = ? AND number = ?"
                        " AND path = ? AND decision = ''")
        .use()(decision)(id)(number)(path)
        .execute();
    return database.changes() > 0;
}

std::optional<Generation> Jails::generation(const std::string& id, std::int64_t number) {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(),
                        "SELECT " GENERATION_COLUMNS " FROM generation"
                        " JOIN image USING (image_number) WHERE jail_id = ? AND number = ?");
    auto row = statement.use();
    if (!row(id)(number).next())
        return std::nullopt;
    return read_generation(catalog_.database(), id, row);
}

std::vector<Generation> Jails::generations(const std::string& id) {
    const ReadTransaction one_state(catalog_.database());
    Statement statement(catalog_.database(),
                        "SELECT " GENERATION_COLUMNS " FROM generation"
                        " JOIN image USING (image_number) WHERE jail_id = ? ORDER BY number");
    std::vector<Generation> generations;
    auto row = statement.use();
    row(id);
    while (row.next())
        generations.push_back(read_generation(catalog_.database(), id, row));
    return generations;
}

void Jails::remove_generation(const std::string& id, std::int64_t number) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    const auto jail = find_by_id(id);
    if (jail && jail->current == number)
        throw Error(ErrorKind::conflict, "generation " + std::to_string(number),
                    "is the current one of jail " + jail->name);
    Statement(database, "DELETE FROM generation WHERE jail_id = ? AND number = ?")
        .use()(id)(number)
        .execute();
    if (database.changes() == 0)
        throw Error(ErrorKind::not_found, "generation " + std::to_string(number),
                    "jail " + id + " has no such generation");
    transaction.commit();
}

void Jails::set_operation(const std::string& id, const std::optional<std::string>& stage) {
    Database& database = catalog_.database();
    Statement(database, "UPDATE jail SET operation = ? WHERE jail_id = ?").use()(stage)(id).execute();
    expect_a_jail(database, id);
}

std::vector<std::string> Jails::claimants(const PortClaimRow& claim) {
    Statement statement(catalog_.database(), "SELECT name, address FROM jail_claim JOIN jail USING (jail_id)"
                                             " WHERE protocol = ? AND port = ? ORDER BY name");
    std::vector<std::string> names;
    auto row = statement.use();
    row(claim.protocol)(claim.port);
    while (row.next())
        if (addresses_overlap(row.text(1), claim.address) &&
            (names.empty() || names.back() != row.text_view(0)))
            names.push_back(row.text(0));
    return names;
}

void Jails::set_address(const std::string& id, const std::string& address) {
    Database& database = catalog_.database();
    Transaction transaction(database);
    const auto jail = find_by_id(id);
    if (!jail)
        throw Error(ErrorKind::not_found, "jail " + id, "is not in the catalog");
    Statement(database, "INSERT INTO jail_network (jail_id, mode, nat, resolv) VALUES (?, '', '', '')"
                        " ON CONFLICT (jail_id) DO NOTHING")
        .use()(id)
        .execute();
    put_address(database, id, address);
    transaction.commit();
}

std::set<std::string> Jails::taken_addresses() {
    Statement statement(catalog_.database(), "SELECT address FROM jail_network WHERE address IS NOT NULL");
    std::set<std::string> addresses;
    auto row = statement.use();
    while (row.next())
        addresses.insert(row.text(0));
    return addresses;
}

} // namespace pkgjail::catalog
