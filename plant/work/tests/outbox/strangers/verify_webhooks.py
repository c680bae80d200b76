"""A receiver of webhooks that knows nothing but the official library for Standard Webhooks.

Usage: verify_webhooks.py SECRET. Prints its port, then one line for each delivery: the id if the
library verifies it, "refused" otherwise. Answers 204 or 401.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(sys.argv[1])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = WEBHOOK.verify(body, dict(self.headers.items()))
            print(self.headers["webhook-id"], event["type"], flush=True)
            self.send_response(204)
        except WebhookVerificationError:
            print("refused", flush=True)
            self.send_response(401)
        self.end_headers()

    def log_message(self, *args):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
