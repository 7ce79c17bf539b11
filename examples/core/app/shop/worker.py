"""Places orders at a modest rate until it is told to stop."""

import os

from .stopping import install, stop
from .store import Stores

install()
stores = Stores()
pause = float(os.environ.get("SECONDS_BETWEEN_ORDERS", "0.4"))
placed = 0
while not stop.is_set():
    stores.place_order(f"book {placed}")
    placed += 1
    stop.wait(pause)
print(f"{placed} orders placed; stopping between two of them")
