"""An OpenTelemetry collector that shares no line with the server (oteltest, with grpcio and the official messages): prints each span that it receives as a line of JSON.

Prints `ready` when both ports are open. Arguments: the port of gRPC, the port of HTTP, the expected value of the header field `authorization`.
"""

import json
import logging
import socket
import sys
import threading
import time

from opentelemetry.proto.trace.v1 import trace_pb2
from oteltest.sink import GrpcSink, HttpSink
from oteltest.sink.handler import RequestHandler

GRPC, HTTP, AUTHORIZATION = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
writing = threading.Lock()


def say(line):
    with writing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(pairs):
    return {pair.key: value(pair.value) for pair in pairs}


def span_kind(number):
    return trace_pb2.Span.SpanKind.Name(number).removeprefix("SPAN_KIND_").lower()


class Printer(RequestHandler):
    def __init__(self, over):
        self.over = over

    def handle_trace(self, request, headers):
        fields = {name.lower(): text for name, text in headers.items()}
        for resource_spans in request.resource_spans:
            resource = attributes(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    said = {
                        "over": self.over,
                        "authorized": fields.get("authorization") == AUTHORIZATION,
                        "resource": resource,
                        "scope": scope_spans.scope.name,
                        "name": span.name,
                        "kind": span_kind(span.kind),
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "start": span.start_time_unix_nano,
                        "end": span.end_time_unix_nano,
                        "attributes": attributes(span.attributes),
                        "error": span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                        "description": span.status.message,
                        "links": [link.trace_id.hex() for link in span.links],
                    }
                    say(json.dumps(said))

    def handle_metrics(self, request, headers):
        say(json.dumps({"unexpected": "metrics"}))

    def handle_logs(self, request, headers):
        say(json.dumps({"unexpected": "logs"}))


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


logger = logging.getLogger("otlp_receiver")
# Held until the end: a server of gRPC stops when it is collected as garbage.
sinks = [GrpcSink(Printer("grpc"), logger, port=GRPC), HttpSink(Printer("http"), logger, port=HTTP)]
for sink in sinks:
    sink.start()
while not (is_open(GRPC) and is_open(HTTP)):
    time.sleep(0.05)
say("ready")
threading.Event().wait()
