"""Reports faults by sentry-sdk, a client that shares no line with the server: six errors of one function with breadcrumbs and an attachment each, one of another function, and a session for each.

Arguments: the DSN, the release. Prints what the transport could not send, and ends with 1 if that is something.
"""

import sys

import sentry_sdk
from sentry_sdk import sessions

DSN, RELEASE = sys.argv[1], sys.argv[2]

sentry_sdk.init(
    dsn=DSN,
    release=RELEASE,
    environment="line",
    server_name="bench",
    default_integrations=False,
    auto_session_tracking=True,
    attach_stacktrace=True,
)


def read_bands(attempt):
    """Fails as a driver fails: the numbers in its message differ each time."""
    raise TimeoutError(f"AS7341 did not answer within {100 + attempt} ms at 0x39")


def weigh():
    raise ValueError("a weight below 0")


def report(number, fails, *arguments):
    scope = sentry_sdk.get_isolation_scope()
    with sessions.track_session(scope, session_mode="application"), sentry_sdk.new_scope() as scope:
        scope.set_tag("device_id", "ESP32_007")
        scope.set_tag("device_kind", "esp32-s3")
        scope.set_user({"id": "PLANTED_user", "email": "planted@plant.example"})
        scope.add_breadcrumb(category="i2c", message="write 0x80", level="debug")
        scope.add_breadcrumb(category="i2c", message="read 12 bytes", level="error")
        scope.add_attachment(bytes=f"0x80 {number}\n0x95 --\n".encode(), filename="i2c.txt", content_type="text/plain")
        try:
            fails(*arguments)
        except Exception as error:
            sentry_sdk.capture_exception(error)


lost = []
sentry_sdk.get_client().transport.on_dropped_event = lost.append
for number in range(6):
    report(number, read_bands, number)
report(6, weigh)
sentry_sdk.flush(timeout=20)
sentry_sdk.get_client().close(timeout=20)
for reason in lost:
    print(reason)
sys.exit(1 if lost else 0)
