"""The ingest of a line as it is written well in FastAPI, asyncpg and NumPy: the documented frame is read, checked, analysed by the same formulas
(`inspect_sample.py`, which must agree with the Rust program to 1e-6), stored in the documented table in batches of one commit, and acknowledged after it.

The peer of `cargo xtask load`: `python3 -m uvicorn fastapi_ingest:app --port <port> --loop uvloop --http httptools --ws websockets`, with DATABASE_URL.
"""

import asyncio
import json
import os
import uuid
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import numpy as np
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from inspect_sample import inspect

CHANNELS = ["F1_415nm", "F2_445nm", "F3_480nm", "F4_515nm", "F5_555nm", "F6_590nm", "F7_630nm", "F8_680nm", "Clear", "NIR"]

TABLE = """
CREATE TABLE IF NOT EXISTS sensor_samples (
    id uuid NOT NULL, timestamp timestamptz NOT NULL, device_id varchar(100) NOT NULL, sample_id varchar(100) NOT NULL,
    vl53l8ch_distance_matrix jsonb, vl53l8ch_reflectance_matrix jsonb, vl53l8ch_amplitude_matrix jsonb,
    vl53l8ch_volume_mm3 float, vl53l8ch_avg_height_mm float, vl53l8ch_surface_uniformity float,
    vl53l8ch_quality_score float, vl53l8ch_grade varchar(50),
    as7341_channels jsonb, as7341_integration_time int, as7341_gain int, as7341_color_score float,
    as7341_freshness_score float, as7341_quality_score float, as7341_grade varchar(50),
    fusion_final_score float, fusion_final_grade varchar(50), fusion_confidence float, fusion_defects jsonb,
    processing_time_ms float, created_at timestamptz DEFAULT now(),
    PRIMARY KEY (device_id, timestamp, sample_id)
)"""

INSERT = """
INSERT INTO sensor_samples (id, timestamp, device_id, sample_id, vl53l8ch_distance_matrix, vl53l8ch_reflectance_matrix,
    vl53l8ch_amplitude_matrix, vl53l8ch_volume_mm3, vl53l8ch_avg_height_mm, as7341_channels, as7341_integration_time, as7341_gain,
    as7341_freshness_score, fusion_final_score, fusion_confidence, fusion_defects)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING"""


def matrix(block, name, low, high):
    values = np.asarray(block[name], dtype=float)
    if values.shape != (8, 8) or not ((values >= low) & (values <= high)).all():
        raise ValueError(name)
    return values


def judge(frame):
    """One row of the table, from one frame."""
    if frame["type"] != "sensor_data":
        raise ValueError("type")
    tof, spectrum = frame["vl53l8ch"], frame["as7341"]
    grids = [
        matrix(tof, "distance_matrix", -8192, 8191.75),
        matrix(tof, "reflectance_matrix", 0, 127.5),
        matrix(tof, "amplitude_matrix", 0, 2097152),
        matrix(tof, "sigma_matrix", 0, 511.99),
        matrix(tof, "status_matrix", 0, 255),
    ]
    counts = np.array([spectrum["channels"][name] for name in CHANNELS], dtype=float)
    shape, colour, fused = inspect((grids, counts, float(spectrum["gain"]), float(spectrum["integration_time"])))
    found = {**shape, **colour, **fused}

    def first(name):
        value = found.get(name)
        value = value[0] if isinstance(value, (list, tuple)) else value
        return None if value is None else float(value)

    row = (
        uuid.uuid4(), datetime.fromisoformat(frame["timestamp"]), frame["device_id"], frame["sample_id"],
        json.dumps(tof["distance_matrix"]), json.dumps(tof["reflectance_matrix"]), json.dumps(tof["amplitude_matrix"]),
        first("volume_mm3"), first("avg_height_mm"), json.dumps(spectrum["channels"]), int(spectrum["integration_time"]),
        int(spectrum["gain"]), first("freshness_index"), first("score"), first("confidence"), json.dumps([]),
    )
    return row


class Writer:
    """Batches of one commit; the caller of a row is told after it."""

    def __init__(self, pool):
        self.pool, self.queue = pool, asyncio.Queue(maxsize=4096)

    async def run(self):
        while True:
            batch = [await self.queue.get()]
            while len(batch) < 256 and not self.queue.empty():
                batch.append(self.queue.get_nowait())
            async with self.pool.acquire() as connection, connection.transaction():
                await connection.executemany(INSERT, [row for row, _ in batch])
            for _, told in batch:
                told.set_result("persisted")


@asynccontextmanager
async def lifespan(app):
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=4)
    await pool.execute(TABLE)
    app.state.writer = Writer(pool)
    writers = [asyncio.create_task(app.state.writer.run()) for _ in range(2)]
    yield
    for writer in writers:
        writer.cancel()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health():
    return {"status": "healthy"}


@app.websocket("/ws/sensors")
async def sensors(socket: WebSocket):
    await socket.accept()
    window = asyncio.Queue(maxsize=64)

    async def answer():
        sequence = 0
        while True:
            sample_id, told = await window.get()
            sequence += 1
            status = await told
            await socket.send_text(json.dumps({"type": "ack", "status": status, "sequence": sequence, "sample_id": sample_id}))

    answering = asyncio.create_task(answer())
    try:
        while True:
            frame = json.loads(await socket.receive_text())
            told = asyncio.get_running_loop().create_future()
            try:
                await app.state.writer.queue.put((judge(frame), told))
            except (KeyError, TypeError, ValueError):
                told.set_result("rejected")
            await window.put((frame.get("sample_id"), told))
    except WebSocketDisconnect:
        pass
    finally:
        answering.cancel()
