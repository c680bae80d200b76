"""A mail server of aiosmtpd, and the standard library's parser of mails.

Prints its port, then one line of JSON for each mail: the fields and parts as the parser reads them.
"""

import json
import socket
import time
from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=default)
        print(
            json.dumps(
                {
                    "sender": envelope.mail_from,
                    "recipients": envelope.rcpt_tos,
                    "fields": sorted(name.lower() for name in mail.keys()),
                    "from": str(mail["from"]),
                    "to": str(mail["to"]),
                    "subject": str(mail["subject"]),
                    "message_id": str(mail["message-id"]),
                    "auto_submitted": str(mail["auto-submitted"]),
                    "language": str(mail["content-language"]),
                    "date": mail["date"].datetime.isoformat(),
                    "text": mail.get_body(("plain",)).get_content(),
                    "html": mail.get_body(("html",)).get_content(),
                    "defects": [str(defect) for defect in mail.defects],
                }
            ),
            flush=True,
        )
        return "250 2.0.0 accepted"


# The controller needs a number: it cannot say which port it was given.
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
controller = Controller(Mailbox(), hostname="127.0.0.1", port=port)
controller.start()
print(port, flush=True)
while True:
    time.sleep(60)
