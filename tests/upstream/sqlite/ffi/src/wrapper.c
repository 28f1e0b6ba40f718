/* A small face of SQLite: databases and statements are handles, errors carry
 * SQLite's own text. */
#include <coex_ffi.h>

#include "sqlite3.h"

sqlite3 *db_open(const char *path)
{
    sqlite3 *db = NULL;
    int status = sqlite3_open(path, &db);
    if (status == SQLITE_OK)
        return db;
    coex_ffi_fail(status, "%s", db ? sqlite3_errmsg(db) : sqlite3_errstr(status));
    sqlite3_close(db);
    return NULL;
}

void db_close(sqlite3 *db)
{
    sqlite3_close_v2(db);
}

/* Runs statements that yield no rows. */
int db_exec(sqlite3 *db, const char *sql)
{
    int status = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (status != SQLITE_OK)
        coex_ffi_fail(status, "%s", sqlite3_errmsg(db));
    return status == SQLITE_OK;
}

sqlite3_stmt *db_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (status != SQLITE_OK)
        coex_ffi_fail(status, "%s", sqlite3_errmsg(db));
    return statement;
}

void statement_close(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
}

void bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    sqlite3_bind_int64(statement, index, value);
}

void bind_text(sqlite3_stmt *statement, int index, const char *value)
{
    sqlite3_bind_text(statement, index, value, -1, SQLITE_TRANSIENT);
}

/* True while there is a row. */
int statement_step(sqlite3_stmt *statement)
{
    int status = sqlite3_step(statement);
    if (status != SQLITE_ROW && status != SQLITE_DONE)
        coex_ffi_fail(status, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
    return status == SQLITE_ROW;
}

void statement_reset(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
}

int64_t column_int(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

double column_float(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_double(statement, column);
}

/* NULL for an SQL NULL. */
const char *column_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

/* Bytes that SQLite has allocated, from a counter in its static state. */
int64_t memory_used(void)
{
    return sqlite3_memory_used();
}
