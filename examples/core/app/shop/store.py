"""The four places every order lives in, and the one way to write an order to all of them."""

import json
import os
import sqlite3
import uuid
from pathlib import Path

import psycopg2
import redis

SQLITE_PATH = Path(os.environ.get("SQLITE_PATH", "/data/app.db"))
UPLOADS = Path(os.environ.get("UPLOADS", "/uploads"))


def connect_postgres():
    """Connects with what PGHOST, PGUSER, PGPASSWORD and PGDATABASE say."""
    connection = psycopg2.connect(connect_timeout=5)
    connection.autocommit = True
    return connection


def connect_cache():
    return redis.Redis(host=os.environ.get("CACHE_HOST", "cache"), socket_timeout=5)


def connect_sqlite():
    """WAL mode: readers and the other writers go on while one commits."""
    connection = sqlite3.connect(SQLITE_PATH, timeout=10, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, item TEXT NOT NULL)")
    return connection


class Stores:
    """Connections of one process."""

    def __init__(self):
        self.postgres = connect_postgres()
        self.cache = connect_cache()
        self.sqlite = connect_sqlite()
        UPLOADS.mkdir(parents=True, exist_ok=True)

    def place_order(self, item):
        """Writes one order to all four stores. Whoever calls this must not be stopped in between."""
        order = str(uuid.uuid4())
        with self.postgres.cursor() as cursor:
            cursor.execute("INSERT INTO orders (id, item) VALUES (%s, %s)", (order, item))
        self.cache.set(f"order:{order}", item)
        self.sqlite.execute("INSERT INTO orders (id, item) VALUES (?, ?)", (order, item))
        upload = UPLOADS / f"{order}.json"
        upload.write_text(json.dumps({"id": order, "item": item}) + "\n")
        return order

    def count(self):
        with self.postgres.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM orders")
            return cursor.fetchone()[0]
