"""A reverse proxy that lives in the network namespace of the shop: it reaches it on the loopback."""

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .stopping import install, stop


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length) if length else None
        asked = urllib.request.Request(f"http://127.0.0.1:8080{self.path}", data=body, method=self.command)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                self.reply(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self.reply(error.code, error.read())
        except OSError:
            self.reply(502, b'{"error": "the shop does not answer"}\n')

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = forward

    def log_message(self, format, *args):
        pass


install()
server = ThreadingHTTPServer(("", 8081), Proxy)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
stop.wait()
server.shutdown()
