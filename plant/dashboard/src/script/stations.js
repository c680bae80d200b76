// The stations: one card each, from the server's list of devices and from the trays that come in.

const stations = new Map();
const inOrder = []; // stations by name, as the cards stand
const known = new Set(); // ids of the samples in memory
let seen = 0;
let serial = 0;
let leftOut = 0; // devices beyond MOST_STATIONS

const page = Object.fromEntries(["stations", "empty", "seen", "counts", "reject-rate", "reject-base", "connection", "overview", "announce", "state",
  "attention", "totals", "server-away", "database-away", "all-stopped", "sign-in-again", "who", "sign-out",
  "alerts", "alerts-title", "alert-count", "alert-list", "bugs", "bugs-open"]
  .map((id) => [id, document.getElementById(id)]));

const byName = new Intl.Collator("en", { numeric: true });
const after = (one, other) => byName.compare(one, other) || (one < other ? -1 : 1);

// The server's rule (Purpose::is_named_by): such a device reads references only.
const CALIBRATION_NAME = /^CAL[_-]/;

class Station {
  constructor(id) {
    Object.assign(this, { id, serial: (serial += 1), entries: [], mode: "height", dirty: true, headDirty: true, visible: false, built: false });
    Object.assign(this, { device: null, presence: null, spans: [], historyAsked: false, calibrationsAsked: 0, wanted: null });
    this.isCalibration = CALIBRATION_NAME.test(id);
    this.head = buildVerdict(this);
    this.panels = el("div", "panels");
    this.sections = [];
    this.node = el("article", "station", this.head.node, this.panels);
    this.node.id = `station-${this.serial}`;
    this.node.tabIndex = -1;
    this.node.dataset.station = id;
    this.node.setAttribute("aria-label", id);
    this.slot = el("li", "slot", this.node);
    translate(this.node);
  }

  // The panels are made when the card is first looked at.
  build() {
    if (this.built) return;
    this.built = true;
    this.sections = [buildMap(this), buildSpectrum(), buildOutputs(), buildDefects(), buildHistory()];
    this.panels.append(...this.sections.map((section) => section.node));
    translate(this.panels);
  }

  // When the station was last heard from, in ms; null if nothing is known of it.
  silentSince() {
    const heard = Date.parse(this.device?.last_heard_at) || Date.parse(this.device?.statistics?.last_sample_at);
    return Math.max(heard || 0, this.entries[0]?.received ?? 0) || null;
  }

  // Whether what was read at a time is of a reference, by the name of the device or a recorded calibration that was computed from it.
  isCalibrated(at) {
    return this.isCalibration || this.spans.some(([from, until]) => from <= at && at < until);
  }

  marked() {
    for (const entry of this.entries) entry.calibration = entry.ofReference || this.isCalibrated(entry.at);
    this.changed();
  }

  changed() {
    this.dirty = true;
    this.headDirty = true;
    totalsDue = true;
    schedule();
  }

  // What is known of the station has changed, and none of its trays.
  headChanged() {
    this.headDirty = true;
    schedule();
  }

  setPresence(presence) {
    this.presence = presence;
    this.node.dataset.presence = presence;
    this.node.classList.toggle("late", presence === "late" && !this.isCalibration);
    this.node.classList.toggle("stopped", presence === "offline" && !this.isCalibration);
    this.head.updateState();
  }

  get needsAttention() {
    return !this.isCalibration && (this.presence === "late" || this.presence === "offline");
  }
}

// Cards near the window draw everything; the others keep their head up to date.
const watcher = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    const station = stations.get(target.firstChild.dataset.station);
    if (!station) continue;
    station.visible = isIntersecting;
    if (!isIntersecting) continue;
    station.build();
    askForHistory(station);
    schedule();
  }
}, { rootMargin: "300px 0px" });

// The card of a device, made at its alphabetical place, so that a station is always where the operator left it; null for a device beyond the limit. No card
// is ever thrown out for another.
function stationOf(id) {
  const there = stations.get(id);
  if (there) return there;
  if (stations.size >= MOST_STATIONS) return null;
  const station = new Station(id);
  stations.set(id, station);
  let [low, high] = [0, inOrder.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (after(inOrder[middle].id, id) < 0) low = middle + 1; else high = middle;
  }
  page.stations.insertBefore(station.slot, inOrder[low]?.slot ?? null);
  inOrder.splice(low, 0, station);
  watcher.observe(station.slot);
  showWanted();
  return station;
}

// What is kept of a tray: all of the newest, of the others what the history needs.
function entryOf(sample) {
  const received = Date.parse(sample.received_at) || Date.parse(sample.timestamp) || Date.now() + serverAhead;
  const { fusion = {}, meta } = sample;
  const defects = defectsOf(sample);
  return {
    device: sample.device_id, id: sample.id, sampleId: sample.sample_id, sample, defects, received, at: Date.parse(sample.timestamp) || received,
    grade: fusion?.final_grade ?? "", score: fusion?.final_score, u: fusion?.final_score_u, confidence: fusion?.confidence,
    conformity: fusion?.conformity_probability, coverage: fusion?.coverage, quantities: quantitiesOf(sample),
    graveDefects: defects.filter(({ severity }) => severity !== "Minor").map(({ kind, severity }) => ({ kind, severity })),
    profile: { name: meta?.config_profile, hash: meta?.profile_hash }, firmware: meta?.firmware_version,
    ofReference: meta?.purpose === "calibration", calibration: false,
  };
}

function accept(sample, live) {
  if (situation.signedOut) return;
  if (typeof sample?.id !== "string" || typeof sample.device_id !== "string" || known.has(sample.id)) return;
  const station = stationOf(sample.device_id);
  if (!station) return;
  const entry = entryOf(sample);
  entry.calibration = entry.ofReference || station.isCalibrated(entry.at);
  const place = station.entries.findIndex((other) => other.at <= entry.at);
  const index = place < 0 ? station.entries.length : place;
  if (index >= KEEP) return;
  if (index > 0) Object.assign(entry, { sample: null, defects: [] });
  else if (station.entries[0]) Object.assign(station.entries[0], { sample: null, defects: [] });
  station.entries.splice(index, 0, entry);
  known.add(entry.id);
  for (const dropped of station.entries.splice(KEEP)) known.delete(dropped.id);
  if (!entry.calibration) seen += 1;
  if (live) {
    station.device = { ...station.device, last_heard_at: sample.received_at };
    station.setPresence("online");
    if (index === 0) announceReject(station);
  }
  station.changed();
}

/* ---------- Announcements ---------- */

const ANNOUNCE_MS = 10_000;
const turned = new Set();
let announcing = null;

// Screen readers hear that stations turned to REJECT, all of the last ten seconds in one sentence.
function announceReject({ id, entries: [now, before] }) {
  if (now.calibration || now.grade !== "REJECT" || before?.grade === "REJECT") return;
  turned.add(id);
  announcing ??= setTimeout(() => {
    const names = [...turned];
    const some = names.slice(0, 5).join(", ") + (names.length > 5 ? `, ${t("more", { n: names.length - 5 })}` : "");
    page.announce.textContent = pair(word("REJECT"), some);
    turned.clear();
    announcing = null;
  }, ANNOUNCE_MS);
}

/* ---------- Drawing ---------- */

function drawStation(station) {
  const latest = station.entries[0];
  const { node } = station;
  if (station.headDirty) {
    station.headDirty = false;
    node.dataset.sampleId = latest?.sampleId ?? "";
    node.dataset.grade = latest && !latest.calibration ? latest.grade : "";
    node.classList.toggle("calibration", Boolean(latest?.calibration));
    const doubts = latest && !latest.calibration ? doubtsOf(station.id, latest.at) : [];
    node.classList.toggle("doubtful", doubts.length > 0);
    node.classList.toggle("faulty", faultsOf(station.id).length > 0);
    if (latest) station.head.update(latest, doubts);
    station.head.updateState();
    station.head.aim();
  }
  if (!station.dirty || !station.visible || !station.built || !latest) return;
  station.dirty = false;
  const whole = !document.body.classList.contains("overview");
  for (const section of station.sections) if (whole || section.always) section.update(latest, station);
}

function countGrades(entries) {
  const counts = Object.fromEntries(GRADES.map((grade) => [grade, 0]));
  for (const { grade, calibration } of entries) if (!calibration && Object.hasOwn(counts, grade)) counts[grade] += 1;
  return counts;
}

let totalsDue = true;

function drawTotals() {
  if (!totalsDue) return;
  totalsDue = false;
  const entries = inOrder.flatMap((station) => station.entries.filter((entry) => !entry.calibration));
  const counts = countGrades(entries);
  page.seen.textContent = number(seen, 0);
  page.counts.replaceChildren(...GRADES.map((grade) => {
    const item = el("li", "count", el("b", "", word(grade)), " ", number(counts[grade], 0));
    item.dataset.g = grade;
    return item;
  }));
  page["reject-rate"].textContent = entries.length ? percent(counts.REJECT / entries.length, 1) : NONE;
  page["reject-base"].textContent = entries.length ? t("ofShown", { n: number(entries.length, 0) }) : "";
}

function drawAges() {
  for (const station of inOrder) if (station.visible) station.head.updateState();
}

// One malformed sample must not stop the others.
function harmless(action) {
  try { action(); } catch (error) { console.warn("SQAL: sample not shown", error); }
}

let scheduled = false;

// Many trays may arrive at once: each card is drawn once per frame at most.
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    page.empty.hidden = stations.size > 0;
    for (const station of inOrder) if (station.headDirty || station.dirty) harmless(() => drawStation(station));
  });
}
