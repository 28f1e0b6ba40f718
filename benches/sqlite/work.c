/* Work for SQLite: a table of 10,000 rows in memory, an index, and queries. */
#include "sqlite3.h"

#include <stdint.h>
#include <stdio.h>

static int64_t query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t sum = 0;
    sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (sqlite3_step(statement) == SQLITE_ROW)
        sum += sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return sum;
}

static int64_t round_of_work(void)
{
    sqlite3 *db;
    sqlite3_stmt *insert;
    sqlite3_open(":memory:", &db);
    sqlite3_exec(db, "create table t (id integer primary key, name text, n integer); begin", 0, 0, 0);
    sqlite3_prepare_v2(db, "insert into t (name, n) values (?1, ?2)", -1, &insert, NULL);
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "row %d", i * 7919 % 10007);
        sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int(insert, 2, i * 31 % 997);
        sqlite3_step(insert);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_exec(db, "commit; create index by_name on t (name)", 0, 0, 0);
    int64_t sum = query(db, "select sum(n) from t group by n % 10");
    sum += query(db, "select n from t where name between 'row 2' and 'row 3' order by n");
    sum += query(db, "select count(*) from t a join t b on a.n = b.id where a.name like '%7%'");
    sqlite3_close(db);
    return sum;
}

int64_t bench_work(int64_t rounds)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < rounds; i++)
        sum += round_of_work();
    return sum;
}
