"""What the description of the interface cannot say, told to schemathesis: how a batch is written, and that names are counted in bytes."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    return value.encode() if isinstance(value, str) else str(value).encode()


@schemathesis.hook
def filter_query(ctx, query):
    device = (query or {}).get("device_id")
    return not isinstance(device, str) or len(device.encode()) <= 100


@schemathesis.hook
def filter_path_parameters(ctx, path_parameters):
    device = (path_parameters or {}).get("device_id")
    return not isinstance(device, str) or len(device.encode()) <= 100
