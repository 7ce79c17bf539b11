"""Makes the tables, and ends."""

from .store import connect_postgres

with connect_postgres().cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, item text NOT NULL)")
    cursor.execute("CREATE TABLE IF NOT EXISTS migrations (at timestamptz NOT NULL DEFAULT now())")
    cursor.execute("INSERT INTO migrations DEFAULT VALUES")
print("the tables are in place")
