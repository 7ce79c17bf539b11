"""Writes the number of orders into the archive, once a minute, until it is told to stop."""

import datetime
from pathlib import Path

from .stopping import install, stop
from .store import connect_postgres

install()
connection = connect_postgres()
while not stop.is_set():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        orders = cursor.fetchone()[0]
    with Path("/archive/reports.csv").open("a") as report:
        report.write(f"{datetime.datetime.now(datetime.UTC).isoformat()},{orders}\n")
    stop.wait(60)
