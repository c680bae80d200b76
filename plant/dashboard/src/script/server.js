// What the page asks the server for: devices and health each ten seconds, recent trays, histories and limits as cards come into view.

const POLL_MS = 10_000;
const PACE = 40; // background questions a minute, well below the server's quota for one path
const AT_A_TIME = 2;

/* ---------- Questions in the background ---------- */

const waiting = new Map(); // by key: a question that waits is not asked twice
const askedAt = [];
let asking = 0;
let pausedUntil = 0;
let waker = null;

function later(key, path, use) {
  if (situation.signedOut) return;
  if (!waiting.has(key)) waiting.set(key, { path, use });
  next();
}

function wakeIn(ms) {
  waker ??= setTimeout(() => { waker = null; next(); }, Math.max(50, ms));
}

function next() {
  const now = Date.now();
  while (askedAt.length && now - askedAt[0] > 60_000) askedAt.shift();
  while (asking < AT_A_TIME && waiting.size) {
    if (now < pausedUntil) { wakeIn(pausedUntil - now); return; }
    if (askedAt.length >= PACE) { wakeIn(askedAt[0] + 60_000 - now); return; }
    const [key, question] = waiting.entries().next().value;
    waiting.delete(key);
    askedAt.push(now);
    asking += 1;
    answerTo(key, question);
  }
}

async function answerTo(key, { path, use }) {
  try {
    const answer = await ask(path);
    if (answer.status === 429 || answer.status === 503) {
      pausedUntil = Date.now() + Math.max(5, answer.retryAfter) * 1000;
      waiting.set(key, { path, use });
    } else if (answer.ok && !situation.signedOut) {
      harmless(() => use(answer));
    }
  } catch {
    // Asked again when the server is there.
    pausedUntil = Date.now() + REOPEN_MS;
    waiting.set(key, { path, use });
  } finally {
    asking -= 1;
    next();
  }
}

// Every station and every tray, on the page and on its way.
function forgetAll() {
  waiting.clear();
  for (const { slot } of inOrder) { watcher.unobserve(slot); slot.remove(); }
  stations.clear();
  inOrder.length = 0;
  known.clear();
  profiles.clear();
  triedAt.clear();
  [seen, leftOut, totalsDue] = [0, 0, true];
  forgetAlerts();
  forgetBugs();
  schedule();
  drawSituation();
}

/* ---------- Trays ---------- */

function acceptAll(answer) {
  for (const sample of list(answer.body?.items).reverse()) harmless(() => accept(sample, false));
}

async function loadRecent() {
  try { acceptAll(await ask(`api/v1/samples?limit=${KEEP}`)); } catch { /* the situation shows it, and the return asks again */ }
}

const CALIBRATIONS_MS = 300_000;

// The trays of one station, asked for when its card is first in view; its calibrations now and then, too.
function askForHistory(station) {
  const device = encodeURIComponent(station.id);
  if (!station.historyAsked) {
    station.historyAsked = true;
    later(`history ${station.id}`, `api/v1/samples?device_id=${device}&limit=${KEEP}`, acceptAll);
  }
  if (Date.now() - station.calibrationsAsked > CALIBRATIONS_MS) {
    station.calibrationsAsked = Date.now();
    later(`calibrations ${station.id}`, `api/v1/devices/${device}/calibrations?limit=20`, ({ body }) => {
      const spans = list(body?.items).flatMap(({ asked }) => [asked?.empty_tray?.readings, asked?.white_tile?.white, asked?.white_tile?.dark]);
      station.spans = spans.filter(Boolean).map(({ from, until }) => [Date.parse(from), Date.parse(until)]);
      if (station.spans.length) station.marked();
    });
  }
}

/* ---------- Limits ---------- */

const profiles = new Map(); // by hash: the profile, or null while it is not known
const triedAt = new Map(); // by hash: when it was asked for last
const RETRY_MS = 300_000;

// The profile that a tray was judged by, and no other: a limit that has changed since is not its reason.
function profileOf({ profile: { name, hash } }) {
  if (!name || !hash) return null;
  const there = profiles.get(hash) ?? null;
  if (!there && Date.now() - (triedAt.get(hash) ?? -RETRY_MS) >= RETRY_MS) {
    triedAt.set(hash, Date.now());
    const path = `api/v1/profiles/${encodeURIComponent(name)}`;
    later(`profile ${hash}`, path, ({ body }) => {
      learn(body);
      if (!profiles.has(hash)) later(`decisions ${hash}`, `${path}/decisions?limit=50`, (answer) => list(answer.body?.items).forEach(learn));
    });
  }
  return there;
}

function learn(version) {
  if (typeof version?.hash !== "string" || !version.profile || profiles.has(version.hash)) return;
  profiles.set(version.hash, version.profile);
  for (const station of inOrder) station.changed();
}

/* ---------- Devices and health ---------- */

async function loadDevices() {
  const { ok, body } = await ask("api/v1/devices");
  if (!ok || situation.signedOut) return;
  leftOut = 0;
  for (const device of list(body?.items)) {
    const station = typeof device?.device_id === "string" ? stationOf(device.device_id) : null;
    if (!station) { leftOut += 1; continue; }
    station.device = device;
    station.setPresence(device.presence);
    if (station.visible) askForHistory(station);
  }
  schedule();
  drawSituation();
}

async function loadHealth() {
  const { body } = await ask("health");
  if (typeof body?.database === "string") databaseIs(body.database === "connected");
}

let polling = false;

async function poll() {
  if (polling || situation.signedOut) return;
  polling = true;
  await Promise.allSettled([loadDevices(), loadHealth()]);
  polling = false;
}

/* ---------- The stream ---------- */

function setConnection(state) {
  page.connection.dataset.state = state;
  page.connection.dataset.i18n = state;
  page.connection.textContent = t(state);
}

let events = null;

function stream() {
  events?.close();
  events = new EventSource(beside("api/v1/events"));
  // Each (re)opening asks for the list again: it fills whatever gap the stream had.
  events.addEventListener("open", () => { setConnection("live"); serverAnswered(); loadRecent(); poll(); alarms.there = true; watchLine(); });
  events.addEventListener("sample", (event) => { serverAnswered(); harmless(() => accept(JSON.parse(event.data), true)); });
  // A page that was too slow is told so, and fills the gap.
  events.addEventListener("missed", () => loadRecent());
  events.addEventListener("error", () => {
    setConnection("lost");
    poll();
    // The browser retries a cut stream by itself, but gives up for good on an HTTP error (a proxy's 502).
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, REOPEN_MS);
  });
}
