"""A compressed scrape of OpenMetrics as the parser of Python's official client reads it (prometheus_client), which refuses what the standard forbids.

Argument: the URL. Prints as JSON the content type, each family with its type and unit, and each exemplar with its family, labels, value, timestamp and the labels of its bucket.
"""

import gzip
import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

# What a Prometheus of version 2.42 sends.
ACCEPT = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

request = urllib.request.Request(sys.argv[1], headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"})
with urllib.request.urlopen(request, timeout=30) as answer:
    if answer.headers["Content-Encoding"] != "gzip":
        sys.exit(f"not compressed: {answer.headers}")
    content_type, text = answer.headers["Content-Type"], gzip.decompress(answer.read()).decode("utf-8")

families, exemplars = {}, []
for family in text_string_to_metric_families(text):
    families[family.name] = {"type": family.type, "unit": family.unit, "samples": len(family.samples)}
    for sample in family.samples:
        if exemplar := sample.exemplar:
            if exemplar.value > float(sample.labels["le"]):
                sys.exit(f"{exemplar} is not in the bucket of {sample}")
            exemplars.append(
                {
                    "family": family.name,
                    "labels": exemplar.labels,
                    "value": exemplar.value,
                    "timestamp": float(exemplar.timestamp),
                    "bucket": sample.labels,
                }
            )
json.dump({"content_type": content_type, "families": families, "exemplars": exemplars}, sys.stdout)
