"""The shop over HTTP: GET /health, GET /orders (their number), POST /orders (body: the item)."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .stopping import install, stop
from .store import Stores

# Before anything that takes its time: the first process of a container is deaf to signals it does not handle.
install()
stores = Stores()
# One order at a time: the stop waits for this lock, so it never falls into the middle of one.
one_order = threading.Lock()


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = (json.dumps(value) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/health":
            stores.cache.ping()
            stores.count()
            self.answer(200, {"status": "ok"})
        elif self.path == "/orders":
            self.answer(200, {"orders": stores.count()})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        if self.path != "/orders":
            return self.answer(404, {"error": "not found"})
        length = int(self.headers.get("Content-Length", "0"))
        item = self.rfile.read(length).decode("utf-8", "replace")[:200] or "book"
        with one_order:
            if stop.is_set():
                return self.answer(503, {"error": "stopping"})
            order = stores.place_order(item)
        self.answer(201, {"id": order})

    def log_message(self, format, *args):
        pass


server = ThreadingHTTPServer(("", 8080), Shop)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print("the shop is open on port 8080", flush=True)
stop.wait()
with one_order:
    server.shutdown()
    stores.sqlite.close()
print("the shop is closed", flush=True)
# Not by way of the interpreter's end, which waits for ever where a thread is just asking PostgreSQL.
os._exit(0)
