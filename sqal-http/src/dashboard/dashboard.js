// Live SQAL page: loads recent samples, follows the event stream and draws one card per station.

// Beside this script, under whatever prefix that is.
const beside = (path) => new URL(path, import.meta.url);
const LIST_URL = beside("api/v1/samples?limit=60");
const EVENTS_URL = beside("api/v1/events");
const SESSION_URL = beside("api/v1/session");
const KEEP = 60; // samples remembered per station
const MAX_STATIONS = 64; // device ids are untrusted: a flood of them must not exhaust the browser
const LATE_AFTER_S = 15;
const SATURATED = 0.98;
const REOPEN_MS = 3000;
const SIDE = 8;
const GRADES = ["A+", "A", "B", "C", "REJECT"];
const NONE = "–";

/* ---------- Words ---------- */

const LANGUAGES = ["en", "fr"];

// Each word in the order of LANGUAGES.
const TEXT = {
  skip: ["Skip to the stations", "Aller aux postes"], tagline: ["Tray quality, live", "Qualité des barquettes, en direct"],
  totals: ["Line totals", "Totaux de la ligne"], language: ["Language", "Langue"], stations: ["Stations", "Postes"],
  seen: ["Samples seen", "Échantillons vus"], rejectRate: ["Reject rate", "Taux de rejet"], ofShown: ["of {n} shown", "sur {n} affichés"],
  connecting: ["connecting", "connexion"], live: ["live", "en direct"], lost: ["reconnecting", "reconnexion"],
  overview: ["Overview", "Vue d’ensemble"], waiting: ["Waiting for the first sample.", "En attente du premier échantillon."],
  start: ["Start a station:", "Démarrez un poste :"], grade: ["Grade", "Classe"], score: ["Score", "Note"],
  confidence: ["Confidence", "Confiance"], conformity: ["Conformity probability", "Probabilité de conformité"],
  ago: ["{age} ago", "il y a {age}"], late: ["late", "en retard"],
  u: ["standard uncertainty", "incertitude-type"], station: ["Station", "Poste"], map: ["Map", "Carte"], height: ["Height", "Hauteur"],
  distance: ["Distance", "Distance"], reflectance: ["Reflectance", "Réflectance"], amplitude: ["Amplitude", "Amplitude"],
  fallback: ["No height: distance shown", "Sans hauteur : distance affichée"],
  cell: ["Row {row}, column {col}, zone {zone}", "Ligne {row}, colonne {col}, zone {zone}"],
  noReading: ["no valid reading", "aucune mesure valide"], status: ["status", "état"], valid: ["{n}/64 valid", "{n}/64 valides"],
  noTof: ["No time-of-flight data in this sample", "Pas de donnée temps de vol dans cet échantillon"], spectrum: ["Spectrum", "Spectre"],
  fullScale: ["full scale", "pleine échelle"], ofFullScale: ["of full scale", "de la pleine échelle"], saturated: ["saturated", "saturé"],
  counts: ["counts", "coups"], gain: ["gain", "gain"],
  noSpectral: ["No spectral data in this sample", "Pas de donnée spectrale dans cet échantillon"],
  outputs: ["Outputs ± standard uncertainty", "Résultats ± incertitude-type"], output: ["Output", "Résultat"], value: ["Value", "Valeur"],
  volume: ["Volume", "Volume"], meanHeight: ["Mean height", "Hauteur moyenne"],
  heightVariation: ["Height variation", "Variation de hauteur"], uniformity: ["Surface uniformity", "Uniformité de surface"],
  freshness: ["Freshness", "Fraîcheur"], oxidation: ["Oxidation", "Oxydation"],
  fat: ["Fat quality (proxy)", "Qualité du gras (indicateur indirect)"], colour: ["Colour uniformity", "Uniformité de couleur"],
  defects: ["Defects", "Défauts"], noDefects: ["None", "Aucun"], flags: ["Flags", "Indicateurs"], zone: ["zone", "zone"],
  zones: ["zones", "zones"], depth: ["depth", "profondeur"], tofScore: ["ToF score", "note ToF"],
  spectralScore: ["spectral score", "note spectrale"], coverage: ["coverage", "couverture"], conflict: ["conflict", "conflit"],
  profile: ["profile", "profil"], firmware: ["firmware", "micrologiciel"], humidity: ["{n} RH", "{n} HR"], days: ["d", "j"],
  processing: ["computed in", "calculé en"], history: ["Recent samples ({n})", "Échantillons récents ({n})"],
  historyTitle: ["Recent samples", "Échantillons récents"], signIn: ["Sign in", "Connexion"],
  token: ["Token", "Jeton"], enter: ["Sign in", "Se connecter"], wrongToken: ["This token is not known.", "Ce jeton n’est pas connu."],
  notForPeople: ["This token is a device’s.", "Ce jeton est celui d’un appareil."],
  tooOften: ["Tried too often: wait a minute.", "Trop d’essais : patientez une minute."],
};

// Words that come from the server; one that is not here is shown as it came.
const SERVER_WORDS = {
  REJECT: ["REJECT", "REJET"], Minor: ["Minor", "Mineur"], Major: ["Major", "Majeur"], Critical: ["Critical", "Critique"],
  Dent: ["Dent", "Creux"], Bump: ["Bump", "Bosse"], EdgeGap: ["Gap at the edge", "Vide au bord"],
  ReflectanceSpot: ["Reflectance spot", "Tache de réflectance"], Discoloration: ["Discoloration", "Décoloration"],
  BloodSpot: ["Blood spot", "Tache de sang"], BileStain: ["Bile stain", "Tache de bile"],
  SpectralOutOfDistribution: ["Spectrum not the product's", "Spectre étranger au produit"],
  MissingProduct: ["Missing product", "Produit manquant"], Overfill: ["Overfill", "Trop-plein"], Tilt: ["Tilt", "Inclinaison"],
  InvalidZones: ["Invalid zones", "Zones invalides"], Saturation: ["Saturation", "Saturation"],
  LowSignal: ["Low signal", "Signal faible"], Oxidation: ["Oxidation", "Oxydation"], SensorMissing: ["Sensor missing", "Capteur absent"],
  SensorDisagreement: ["Sensors disagree", "Désaccord des capteurs"],
  StatusMissing: ["no target status", "statut des zones absent"], SigmaModelled: ["noise modelled", "bruit modélisé"],
  InsufficientZones: ["too few zones", "trop peu de zones"], NoReference: ["no height reference", "sans référence de hauteur"],
  RimReference: ["reference from the rim", "référence prise sur le bord"], Imputed: ["zones filled in", "zones complétées"],
  BelowNoise: ["variation below noise", "variation sous le bruit"], NoProduct: ["no product", "sans produit"],
  LevelledBelowNoise: ["roughness below noise", "rugosité sous le bruit"], NearLimit: ["index near its limit", "indice près de sa limite"],
  Saturated: ["channel saturated", "canal saturé"], NoWhiteReference: ["no white reference", "sans référence blanche"],
  WhiteDrift: ["white drift", "dérive du blanc"], LowHeme: ["little pigment", "peu de pigment"],
  Uncalibrated: ["uncalibrated", "non étalonné"], AnalogSaturation: ["amplifier saturated", "amplificateur saturé"],
  ZoneAreas: ["free-standing product", "produit sans barquette"], ZeroedOnFloor: ["zeroed on the floor", "zéro pris sur le fond"],
  MultiTarget: ["several surfaces", "plusieurs surfaces"], HistogramSaturated: ["histogram saturated", "histogramme saturé"],
  RepeatedBands: ["identical bands", "bandes identiques"], BytesSwapped: ["bytes swapped", "octets inversés"],
  RepeatedFrame: ["repeated frame", "trame répétée"],
};

let lang = recall("sqal-lang") ?? (navigator.language?.toLowerCase().startsWith("fr") ? "fr" : "en");
if (!LANGUAGES.includes(lang)) lang = "en";

function t(key, values = {}) {
  return TEXT[key][LANGUAGES.indexOf(lang)].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function word(text) {
  if (text === undefined || text === null || text === "") return NONE;
  return Object.hasOwn(SERVER_WORDS, text) ? SERVER_WORDS[text][LANGUAGES.indexOf(lang)] : String(text);
}

function translate(root) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const node of root.querySelectorAll("[data-i18n-label]")) node.setAttribute("aria-label", t(node.dataset.i18nLabel));
}

// Storage can be forbidden by the browser; the page then simply forgets.
function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* see recall */ }
}

// French puts a no-break space before the colon.
const pair = (name, text) => `${name}${lang === "fr" ? "\u00a0" : ""}: ${text}`;

/* ---------- Numbers ---------- */

const formats = new Map(); // building an Intl format is slow, and hundreds are needed per second

function format(Kind, options) {
  const name = `${lang} ${Kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(name)) formats.set(name, new Kind(lang, options));
  return formats.get(name);
}

const finite = (x) => typeof x === "number" && Number.isFinite(x);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const list = (x) => (Array.isArray(x) ? x : []);

function number(x, digits) {
  if (!finite(x)) return NONE;
  return format(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(x);
}

// Rounding never claims certainty: 0.9999 is "> 99.9%", not "100%".
function percent(x, digits = 0) {
  if (!finite(x)) return NONE;
  const show = (share) => format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: digits }).format(share);
  const step = 10 ** (-digits - 2);
  if (x > 0 && x < step / 2) return `< ${show(step)}`;
  return x < 1 && x >= 1 - step / 2 ? `> ${show(1 - step)}` : show(x);
}

// One more digit when the uncertainty would otherwise round to nothing.
function digitsFor(u, digits) {
  return finite(u) && u > 0 && u < 0.95 * 10 ** -digits ? digits + 1 : digits;
}

function uncertainty(u, digits) {
  const step = 10 ** -digits;
  if (!finite(u)) return "";
  return u > 0 && u < step / 2 ? `± < ${number(step, digits)}` : `± ${number(u, digits)}`;
}

function withUnit(text, unit) {
  if (!unit || text === NONE) return text;
  return unit === "%" && lang === "en" ? `${text}%` : `${text}\u00a0${unit}`;
}

function clock(ms) {
  if (!ms) return NONE;
  const today = new Date(ms).toDateString() === new Date().toDateString();
  const options = { timeStyle: "medium", hourCycle: "h23", ...(today ? {} : { dateStyle: "short" }) };
  return format(Intl.DateTimeFormat, options).format(ms);
}

function ageText(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} ${t("days")}`;
}

/* ---------- Building blocks ---------- */

// Only textContent and attributes are ever written, so text from a device can never become markup.
function el(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function label(tag, key, className) {
  const node = el(tag, className, t(key));
  node.dataset.i18n = key;
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function panel(name, titleKey, ...children) {
  const node = el("section", `panel ${name}`, label("h3", titleKey), ...children);
  node.dataset.i18nLabel = titleKey;
  return node;
}

// One tab stop for a whole set of marks; arrows move inside it. `show` gets the index under the pointer or focus, else -1.
function explorable(box, marks, columns, show) {
  const indexOf = (target) => marks.indexOf(target.closest?.("[data-mark]"));
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -marks.length, End: marks.length };
  marks.forEach((mark, i) => { mark.dataset.mark = ""; mark.tabIndex = i === 0 ? 0 : -1; });
  box.addEventListener("pointerover", (event) => show(indexOf(event.target)));
  box.addEventListener("pointerleave", () => show(marks.indexOf(document.activeElement)));
  box.addEventListener("focusin", (event) => {
    marks.forEach((mark) => { mark.tabIndex = mark === event.target ? 0 : -1; });
    show(indexOf(event.target));
  });
  box.addEventListener("focusout", () => show(-1));
  box.addEventListener("keydown", (event) => {
    const from = indexOf(event.target);
    if (from < 0 || !Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const to = from + steps[event.key];
    const far = Math.abs(steps[event.key]) === marks.length;
    if (far || (to >= 0 && to < marks.length)) marks[clamp(to, 0, marks.length - 1)].focus();
  });
}

/* ---------- Verdict ---------- */

// Filled steps tell the grade without colour: four for A+ down to one for C, a cross for REJECT.
function gradeMark(grade) {
  const mark = svg("svg", { viewBox: "0 0 47 8", class: "pips", "aria-hidden": "true" });
  if (grade === "REJECT") {
    mark.append(svg("path", { d: "M20 0.5l7 7m0-7l-7 7", class: "cross" }));
    return mark;
  }
  const filled = GRADES.includes(grade) ? 4 - GRADES.indexOf(grade) : 0;
  for (let i = 0; i < 4; i += 1) {
    mark.append(svg("rect", { x: 1 + i * 12, y: 1, width: 9, height: 6, rx: 1.5, class: i < filled ? "pip on" : "pip" }));
  }
  return mark;
}

function stat(key) {
  const value = el("dd");
  return { node: el("div", "stat", label("dt", key), value), value };
}

function buildVerdict(station) {
  const badge = el("p", "grade");
  badge.setAttribute("role", "img");
  const sampleId = el("p", "sample-id");
  const time = el("time");
  const age = el("span", "age");
  const score = el("span", "score-value");
  const u = el("span", "score-u");
  const confidence = stat("confidence");
  const conformity = stat("conformity");
  const explanation = el("p", "explanation");
  const name = el("h2", "name", el("bdi", "", station.id));
  name.title = station.id;
  const node = el("header", "verdict", badge,
    el("div", "who", name, sampleId, el("p", "when", time, " · ", age)),
    el("div", "score", el("p", "score-line", label("span", "score", "score-label"), " ", score, " ", u),
      el("dl", "stats", confidence.node, conformity.node)),
    explanation);

  function update({ sample, at }) {
    const f = sample.fusion ?? {};
    const digits = digitsFor(f.final_score_u, 2);
    badge.replaceChildren(word(f.final_grade), gradeMark(f.final_grade));
    badge.setAttribute("aria-label", pair(t("grade"), word(f.final_grade)));
    sampleId.textContent = sampleId.title = sample.sample_id ?? NONE;
    time.textContent = clock(at);
    if (at) time.dateTime = new Date(at).toISOString();
    score.textContent = number(f.final_score, digits);
    u.textContent = uncertainty(f.final_score_u, digits);
    u.title = t("u");
    confidence.value.textContent = percent(f.confidence);
    // A rejected tray conforms to nothing: its 100 % would read as praise.
    conformity.value.textContent = f.final_grade === "REJECT" ? "–" : percent(f.conformity_probability, 1);
    explanation.textContent = f.explanation?.[lang] ?? f.explanation?.en ?? NONE;
  }
  return { node, update, age };
}

/* ---------- Height map ---------- */

// Dark-to-light steps of near equal perceived size, so that equal height differences look equal.
const RAMP = ["#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"]
  .map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));

// A minimum span keeps sensor noise on a flat tray from being painted as relief.
const MODES = {
  height: { field: "height_matrix", unit: "mm", digits: 1, span: 4 },
  distance: { field: "distance_matrix", unit: "mm", digits: 1, span: 4 },
  reflectance: { field: "reflectance_matrix", unit: "%", digits: 1, span: 4 },
  amplitude: { field: "amplitude_matrix", unit: "", digits: 0, span: 10 },
};

function ramp(x) {
  const place = clamp(x, 0, 1) * (RAMP.length - 1);
  const i = Math.min(Math.floor(place), RAMP.length - 2);
  const mix = RAMP[i].map((from, c) => Math.round(from + (RAMP[i + 1][c] - from) * (place - i)));
  return `rgb(${mix.join(" ")})`;
}

const cellOf = (matrix, i) => matrix?.[Math.floor(i / SIDE)]?.[i % SIDE];

function scaleOf(values, span) {
  const valid = values.filter(finite);
  if (!valid.length) return null;
  const [low, high] = [Math.min(...valid), Math.max(...valid)];
  const extra = Math.max(0, span - (high - low)) / 2;
  return { low: low - extra, high: high + extra, valid: valid.length };
}

// The outer edge of a set of zones, as an SVG path on an 8 by 8 board.
function outline(zones) {
  const inside = new Set(list(zones).filter((z) => Number.isInteger(z) && z >= 0 && z < SIDE * SIDE));
  const has = (row, col) => row >= 0 && row < SIDE && col >= 0 && col < SIDE && inside.has(row * SIDE + col);
  let path = "";
  for (const z of inside) {
    const [row, col] = [Math.floor(z / SIDE), z % SIDE];
    if (!has(row - 1, col)) path += `M${col} ${row}h1`;
    if (!has(row + 1, col)) path += `M${col} ${row + 1}h1`;
    if (!has(row, col - 1)) path += `M${col} ${row}v1`;
    if (!has(row, col + 1)) path += `M${col + 1} ${row}v1`;
  }
  return path;
}

function buildModes(station, redraw) {
  const box = el("div", "modes");
  box.setAttribute("role", "radiogroup");
  box.dataset.i18nLabel = "map";
  const inputs = Object.keys(MODES).map((mode) => {
    const input = el("input", "sr-only");
    Object.assign(input, { type: "radio", name: `mode-${station.serial}`, value: mode });
    input.addEventListener("change", () => { station.mode = mode; redraw(); });
    box.append(el("label", "mode", input, label("span", mode)));
    return input;
  });
  return { box, inputs };
}

function buildMap(station) {
  const { box, inputs } = buildModes(station, () => draw());
  const cells = Array.from({ length: SIDE * SIDE }, (_, i) => {
    const cell = el("div", "zone");
    cell.dataset.zone = i;
    cell.setAttribute("role", "gridcell");
    return cell;
  });
  const grid = el("div", "map");
  grid.setAttribute("role", "grid");
  grid.dataset.i18nLabel = "map";
  for (let row = 0; row < SIDE; row += 1) {
    const line = el("div", "map-row", ...cells.slice(row * SIDE, (row + 1) * SIDE));
    line.setAttribute("role", "row");
    grid.append(line);
  }
  const outlines = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "outlines", "aria-hidden": "true" });
  const [low, high, bar] = [el("span"), el("span"), el("span", "ramp")];
  bar.style.backgroundImage = `linear-gradient(to right, ${RAMP.map((c) => `rgb(${c.join(" ")})`).join(", ")})`;
  const readout = el("p", "readout");
  const body = el("div", "sensor", box, el("div", "map-frame", grid, outlines), el("p", "legend", low, bar, high), readout);
  const missing = label("p", "noTof", "missing");
  const node = panel("panel-map", "map", body, missing);
  let [tof, defects, scale, looked] = [null, [], null, -1];

  function modeNow() {
    return station.mode === "height" && !Array.isArray(tof?.height_matrix) ? "distance" : station.mode;
  }

  function describe(i, mode) {
    const { field, unit, digits } = MODES[mode];
    const value = cellOf(tof?.[field], i);
    const extras = [];
    const [sigma, status] = [cellOf(tof?.sigma_matrix, i), cellOf(tof?.status_matrix, i)];
    if (finite(sigma) && unit === "mm") extras.push(`σ ${withUnit(number(sigma, 1), "mm")}`);
    if (finite(status)) extras.push(`${t("status")} ${status}`);
    for (const defect of defects) if (list(defect.zones).includes(i)) extras.push(word(defect.kind));
    const where = t("cell", { row: Math.floor(i / SIDE) + 1, col: (i % SIDE) + 1, zone: i });
    const what = finite(value) ? withUnit(number(value, digits), unit) : t("noReading");
    return pair(where, [what, ...extras].join(" · "));
  }

  function look(i) {
    looked = i;
    const mode = modeNow();
    if (i >= 0) readout.textContent = describe(i, mode);
    else readout.textContent = `${t(mode === station.mode ? mode : "fallback")} · ${t("valid", { n: scale?.valid ?? 0 })}`;
    readout.classList.toggle("note", i < 0 && mode !== station.mode);
  }

  function draw() {
    const mode = modeNow();
    const { field, unit, digits, span } = MODES[mode];
    const values = cells.map((_, i) => cellOf(tof?.[field], i));
    scale = scaleOf(values, span);
    cells.forEach((cell, i) => {
      const valid = finite(values[i]);
      cell.classList.toggle("void", !valid);
      cell.style.backgroundColor = valid ? ramp((values[i] - scale.low) / (scale.high - scale.low)) : "";
      cell.setAttribute("aria-label", describe(i, mode));
    });
    low.textContent = withUnit(number(scale?.low, digits), unit);
    high.textContent = withUnit(number(scale?.high, digits), unit);
    for (const input of inputs) {
      input.checked = input.value === mode;
      input.disabled = !Array.isArray(tof?.[MODES[input.value].field]);
    }
    look(looked);
  }

  function update(entry) {
    tof = entry.sample.vl53l8ch ?? null;
    defects = entry.defects;
    body.hidden = !tof;
    missing.hidden = Boolean(tof);
    outlines.replaceChildren(...defects.flatMap((defect) => {
      const d = outline(defect.zones);
      const severity = defect.severity === "Minor" ? " minor" : "";
      return d ? [svg("path", { d, class: `halo${severity}` }), svg("path", { d, class: `edge${severity}` })] : [];
    }));
    if (tof) draw();
  }

  explorable(grid, cells, SIDE, look);
  return { node, update };
}

/* ---------- Spectrum ---------- */

const BANDS = ["F1_415nm", "F2_445nm", "F3_480nm", "F4_515nm", "F5_555nm", "F6_590nm", "F7_630nm", "F8_680nm", "Clear", "NIR"];

const bandName = (band) => band.replace(/^(F\d)_(\d+)nm$/, "$1, $2\u00a0nm");

function buildBar(band) {
  const narrow = band.startsWith("F");
  const share = el("span", "share");
  const fill = el("span", "fill");
  const node = el("div", narrow ? "band" : "wide-band", share, el("span", "column", fill),
    el("span", "wavelength", narrow ? band.slice(3, 6) : band));
  node.dataset.band = band;
  node.setAttribute("role", "img");
  return { band, node, share, fill };
}

function buildSpectrum() {
  const bars = BANDS.map(buildBar);
  const chart = el("div", "bands", ...bars.map((bar) => bar.node));
  chart.setAttribute("role", "group");
  chart.dataset.i18nLabel = "spectrum";
  const readout = el("p", "readout");
  const body = el("div", "sensor", chart, readout);
  const missing = label("p", "noSpectral", "missing");
  const node = panel("panel-spectrum", "spectrum", body, missing);
  let spectral = null;
  let looked = -1;

  const fullScale = () => (finite(spectral?.full_scale) && spectral.full_scale > 0 ? spectral.full_scale : null);

  function describe(band) {
    const counts = spectral?.channels?.[band];
    const reflectance = spectral?.spectral_analysis?.reflectance?.[band];
    const parts = [finite(counts) ? `${number(counts, 0)} ${t("counts")}` : t("noReading")];
    const share = counts / fullScale();
    if (fullScale() && finite(counts)) parts.push(`${percent(share, 1)} ${t("ofFullScale")}${share >= SATURATED ? ` (${t("saturated")})` : ""}`);
    if (finite(reflectance)) parts.push(`${t("reflectance").toLowerCase()} ${number(reflectance, 3)}`);
    return pair(bandName(band), parts.join(" · "));
  }

  function look(i) {
    looked = i;
    if (i >= 0) { readout.textContent = describe(BANDS[i]); return; }
    const parts = fullScale() ? [`┄ ${percent(1)} = ${t("fullScale")} ${number(fullScale(), 0)}`] : [`${t("fullScale")} ${NONE}`];
    if (finite(spectral?.gain)) parts.push(`${t("gain")} ×${number(spectral.gain, spectral.gain % 1 ? 1 : 0)}`);
    if (finite(spectral?.integration_time)) parts.push(withUnit(number(spectral.integration_time, 0), "ms"));
    readout.textContent = parts.join(" · ");
  }

  // Without a known full scale the tallest band fills the chart and no percentage is claimed.
  function update({ sample }) {
    spectral = sample.as7341 ?? null;
    body.hidden = !spectral;
    missing.hidden = Boolean(spectral);
    if (!spectral) return;
    const top = fullScale() ?? Math.max(1, ...BANDS.map((band) => spectral.channels?.[band]).filter(finite));
    chart.classList.toggle("unscaled", !fullScale());
    for (const { band, node: mark, share, fill } of bars) {
      const counts = spectral.channels?.[band];
      const part = finite(counts) ? counts / top : 0;
      mark.classList.toggle("saturated", Boolean(fullScale()) && part >= SATURATED);
      share.textContent = fullScale() && finite(counts) ? Math.round(part * 100) : NONE;
      fill.style.height = `${clamp(part, 0, 1) * 100}%`;
      mark.setAttribute("aria-label", describe(band));
    }
    look(looked);
  }

  explorable(chart, bars.map((bar) => bar.node), 1, look);
  return { node, update };
}

/* ---------- Outputs ---------- */

const OUTPUTS = [
  { key: "volume", from: "vl53l8ch", field: "volume_mm3", unit: "cm³", factor: 1e-3, digits: 1 },
  { key: "meanHeight", from: "vl53l8ch", field: "avg_height_mm", unit: "mm", digits: 1 },
  { key: "heightVariation", from: "vl53l8ch", field: "height_variation_mm", unit: "mm", digits: 1 },
  { key: "uniformity", from: "vl53l8ch", field: "surface_uniformity", digits: 2 },
  { key: "freshness", from: "as7341", field: "freshness_index", digits: 2 },
  { key: "oxidation", from: "as7341", field: "oxidation_index", digits: 2 },
  { key: "fat", from: "as7341", field: "fat_quality_index", digits: 2 },
  { key: "colour", from: "as7341", field: "color_uniformity", digits: 2 },
];

function buildOutputs() {
  const head = el("tr", "", label("th", "output"), label("th", "value"), label("th", "u"));
  for (const cell of head.children) cell.scope = "col";
  const rows = OUTPUTS.map((output) => {
    const [value, u, name] = [el("td"), el("td"), label("th", output.key)];
    name.scope = "row";
    return { ...output, value, u, node: el("tr", "", name, value, u) };
  });
  const table = el("table", "outputs", el("thead", "sr-only", head), el("tbody", "", ...rows.map((row) => row.node)));

  function update({ sample }) {
    for (const { from, field, unit, factor = 1, digits, value, u } of rows) {
      const x = sample[from]?.[field];
      const ux = sample[from]?.uncertainty?.[field];
      const shown = digitsFor(finite(ux) ? ux * factor : null, digits);
      value.textContent = finite(x) ? withUnit(number(x * factor, shown), unit) : NONE;
      u.textContent = finite(x) && finite(ux) ? uncertainty(ux * factor, shown) : NONE;
    }
  }
  return { node: panel("panel-outputs", "outputs", table), update };
}

/* ---------- Defects, flags, context ---------- */

// The fusion list repeats what the sensors found; the same kind on the same zones is one defect.
function defectsOf(sample) {
  const found = new Map();
  for (const part of [sample.fusion, sample.vl53l8ch, sample.as7341]) {
    for (const defect of list(part?.defects)) {
      const key = `${defect?.kind} ${list(defect?.zones).join()}`;
      if (defect && !found.has(key)) found.set(key, defect);
    }
  }
  const rank = (defect) => ["Minor", "Major", "Critical"].indexOf(defect.severity);
  return [...found.values()].sort((a, b) => rank(b) - rank(a));
}

function defectItem(defect) {
  const zones = list(defect.zones);
  const details = [];
  if (zones.length) details.push(`${t(zones.length > 1 ? "zones" : "zone")} ${zones.slice(0, 8).join(", ")}${zones.length > 8 ? ` +${zones.length - 8}` : ""}`);
  if (finite(defect.area_mm2)) details.push(`${number(defect.area_mm2 / 100, 1)}\u00a0cm²`);
  if (finite(defect.depth_mm)) details.push(`${t("depth")} ${number(defect.depth_mm, 1)}\u00a0mm`);
  if (finite(defect.probability)) details.push(`p ${percent(defect.probability)}`);
  const severity = el("span", "severity", word(defect.severity));
  const item = el("li", "defect", severity, " ", el("b", "", word(defect.kind)), " ", el("span", "detail", details.join(" · ")));
  item.dataset.severity = defect.severity ?? "";
  return item;
}

function contextLine({ fusion = {}, meta, processing_time_ms: spent }) {
  const parts = [
    [t("tofScore"), number(fusion?.vl53l8ch_score, 2)], [t("spectralScore"), number(fusion?.as7341_score, 2)],
    [t("coverage"), percent(fusion?.coverage)], [t("conflict"), percent(fusion?.conflict)],
    [t("profile"), [meta?.config_profile, meta?.profile_version].filter(Boolean).join(" ")], [t("firmware"), meta?.firmware_version],
    ["", withUnit(number(meta?.temperature_c, 1), "°C")],
    ["", finite(meta?.humidity_percent) ? t("humidity", { n: percent(meta.humidity_percent / 100) }) : NONE],
    [t("processing"), withUnit(number(spent, 1), "ms")],
  ];
  return parts.filter(([, value]) => value && value !== NONE).map(([name, value]) => `${name} ${value}`.trim()).join(" · ");
}

function buildDefects() {
  const items = el("ul", "defects");
  const flags = el("p", "flags");

  function update({ sample, defects }) {
    items.replaceChildren(...(defects.length ? defects.map(defectItem) : [el("li", "no-defect", t("noDefects"))]));
    const raised = [...new Set([...list(sample.vl53l8ch?.flags), ...list(sample.as7341?.flags)].map(String))];
    flags.hidden = !raised.length;
    flags.textContent = pair(t("flags"), raised.map(word).join(", "));
  }
  return { node: panel("panel-defects", "defects", items, flags), update };
}

/* ---------- History ---------- */

// A tick's height tells the grade without colour; REJECT hangs below the line.
function tick(entry, x) {
  const grade = entry.sample.fusion?.final_grade;
  const rank = GRADES.indexOf(grade);
  const rejected = grade === "REJECT";
  const grown = rank < 0 ? 1 : 13 - rank * 3;
  const height = rejected ? 7 : grown;
  const node = svg("rect", { class: "tick", x: x + 0.12, width: 0.76, y: rejected ? 15 : 14 - height, height });
  node.dataset.g = grade ?? "";
  const digits = digitsFor(entry.sample.fusion?.final_score_u, 2);
  const score = `${number(entry.sample.fusion?.final_score, digits)} ${uncertainty(entry.sample.fusion?.final_score_u, digits)}`;
  const title = [clock(entry.at), word(grade), score.trim(), entry.sample.sample_id].filter(Boolean).join(" · ");
  node.append(svg("title", {}, title));
  return node;
}

function sparkPaths(entries, start) {
  const scores = entries.map((entry) => entry.sample.fusion?.final_score);
  const valid = scores.filter(finite);
  const low = valid.length ? Math.max(0, Math.floor(Math.min(...valid) * 10 - 0.5) / 10) : 0;
  const high = valid.length ? Math.max(low + 0.1, Math.min(1, Math.ceil(Math.max(...valid) * 10) / 10)) : 1;
  let path = "";
  scores.forEach((score, i) => {
    if (!finite(score)) return;
    const y = 20 * (1 - (score - low) / (high - low));
    path += `${finite(scores[i - 1]) ? "L" : "M"}${start + i + 0.5} ${y.toFixed(2)}`;
    if (!finite(scores[i - 1]) && !finite(scores[i + 1])) path += "h0.01"; // a lone point still shows
  });
  return { path, low, high };
}

function buildHistory() {
  const line = svg("path", { class: "spark-line" });
  const spark = svg("svg", { class: "spark", viewBox: `0 0 ${KEEP} 20`, preserveAspectRatio: "none", "aria-hidden": "true" }, line);
  const strip = svg("svg", { class: "strip", viewBox: `0 0 ${KEEP} 23`, preserveAspectRatio: "none", role: "img" });
  const [high, low, tally] = [el("span"), el("span"), el("span", "tally")];
  const title = el("h3");
  const axis = el("p", "spark-axis", high, low);
  axis.setAttribute("aria-hidden", "true");
  const context = el("p", "context");
  const node = el("section", "panel panel-history", el("div", "history-head", title, tally), el("div", "spark-box", spark, axis), strip, context);
  node.dataset.i18nLabel = "historyTitle";

  function update({ sample }, { entries }) {
    context.textContent = contextLine(sample);
    const oldestFirst = [...entries].reverse();
    const start = KEEP - oldestFirst.length; // the newest sample is always at the right edge
    const base = svg("path", { class: "strip-base", d: `M0 14.5h${KEEP}` });
    strip.replaceChildren(base, ...oldestFirst.map((entry, i) => tick(entry, start + i)));
    const curve = sparkPaths(oldestFirst, start);
    line.setAttribute("d", curve.path);
    low.textContent = number(curve.low, 1);
    high.textContent = number(curve.high, 1);
    const counts = countGrades(entries);
    const words = GRADES.filter((grade) => counts[grade]).map((grade) => `${word(grade)} ${counts[grade]}`).join(" · ");
    title.textContent = t("history", { n: entries.length });
    tally.textContent = words;
    strip.setAttribute("aria-label", pair(title.textContent, words));
  }
  return { node, update };
}

/* ---------- Stations ---------- */

const stations = new Map();
const known = new Set(); // ids of the samples in memory
let seen = 0;
let serial = 0;
let serverAhead = 0; // server clock minus ours, in ms: a tablet's wrong clock must not make every station late

const page = Object.fromEntries(["stations", "empty", "seen", "counts", "reject-rate", "reject-base", "connection", "overview", "announce"]
  .map((id) => [id, document.getElementById(id)]));

function createStation(id) {
  const station = { id, serial: (serial += 1), entries: [], mode: "height", dirty: true };
  const verdict = buildVerdict(station);
  station.age = verdict.age;
  station.sections = [verdict, buildMap(station), buildSpectrum(), buildOutputs(), buildDefects(), buildHistory()];
  const panels = el("div", "panels", ...station.sections.slice(1).map((section) => section.node));
  station.node = el("article", "station", verdict.node, panels);
  station.node.dataset.station = id;
  station.node.setAttribute("aria-label", id);
  translate(station.node);
  stations.set(id, station);
  placeInOrder(station);
  return station;
}

// Cards keep an alphabetical place, so that a station is always where the operator left it.
function placeInOrder(station) {
  const after = [...stations.values()]
    .filter((other) => other !== station && other.id.localeCompare(station.id, "en", { numeric: true }) > 0)
    .sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }))[0];
  page.stations.insertBefore(station.node, after?.node ?? null);
}

function forgetQuietestStation() {
  const quietest = [...stations.values()].reduce((a, b) => (a.entries[0].received <= b.entries[0].received ? a : b));
  for (const entry of quietest.entries) known.delete(entry.sample.id);
  quietest.node.remove();
  stations.delete(quietest.id);
}

function accept(sample, live) {
  if (typeof sample?.id !== "string" || typeof sample.device_id !== "string" || known.has(sample.id)) return;
  const received = Date.parse(sample.received_at) || Date.parse(sample.timestamp) || Date.now() + serverAhead;
  const entry = { sample, received, at: Date.parse(sample.timestamp) || received, defects: defectsOf(sample) };
  if (!stations.has(sample.device_id) && stations.size >= MAX_STATIONS) forgetQuietestStation();
  const station = stations.get(sample.device_id) ?? createStation(sample.device_id);
  const place = station.entries.findIndex((other) => other.at <= entry.at);
  const index = place < 0 ? station.entries.length : place;
  if (index >= KEEP) return;
  station.entries.splice(index, 0, entry);
  known.add(sample.id);
  for (const dropped of station.entries.splice(KEEP)) known.delete(dropped.sample.id);
  seen += 1;
  station.dirty = true;
  if (live && index === 0) announceReject(station);
  schedule();
}

// Screen readers hear a station turn to REJECT, not every tray.
function announceReject({ id, entries: [now, before] }) {
  const turned = now.sample.fusion?.final_grade === "REJECT" && before?.sample.fusion?.final_grade !== "REJECT";
  if (turned) page.announce.textContent = pair(`${t("station")} ${id}`, word("REJECT"));
}

function drawStation(station) {
  const latest = station.entries[0];
  station.node.dataset.sampleId = latest.sample.sample_id ?? "";
  station.node.dataset.grade = latest.sample.fusion?.final_grade ?? "";
  station.dirty = false;
  for (const section of station.sections) section.update(latest, station);
}

function drawAges() {
  for (const { node, age, entries } of stations.values()) {
    const seconds = Math.max(0, (Date.now() + serverAhead - entries[0].received) / 1000);
    const late = seconds > LATE_AFTER_S;
    const text = t("ago", { age: ageText(seconds) });
    age.textContent = late ? `${t("late")} · ${text}` : text;
    node.classList.toggle("late", late);
  }
}

function countGrades(entries) {
  const counts = Object.fromEntries(GRADES.map((grade) => [grade, 0]));
  for (const { sample } of entries) {
    const grade = sample.fusion?.final_grade;
    if (Object.hasOwn(counts, grade)) counts[grade] += 1;
  }
  return counts;
}

function drawTotals() {
  const entries = [...stations.values()].flatMap((station) => station.entries);
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

// One malformed sample must not stop the others.
function harmless(action) {
  try { action(); } catch (error) { console.warn("SQAL: sample not shown", error); }
}

let scheduled = false;

// Many samples may arrive at once (the first list): draw each card once per frame at most.
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    page.empty.hidden = stations.size > 0;
    for (const station of stations.values()) if (station.dirty) harmless(() => drawStation(station));
    drawTotals();
    drawAges();
  });
}

/* ---------- Server ---------- */

async function loadRecent() {
  try {
    const answer = await fetch(LIST_URL, { headers: { accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) return;
    const served = Date.parse(answer.headers.get("date"));
    if (served) serverAhead = served - Date.now();
    const { items } = await answer.json();
    for (const sample of list(items).reverse()) harmless(() => accept(sample, false));
  } catch { /* the event stream shows the lost connection and its return asks again */ }
}

/* ---------- Who looks ---------- */

// The token goes into a cookie that no script reads; here it is forgotten with the form.
async function signIn(token) {
  const answer = await fetch(SESSION_URL, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  if (answer.ok) return null;
  return { 403: "notForPeople", 429: "tooOften" }[answer.status] ?? "wrongToken";
}

const dialog = document.querySelector("#sign-in");
// Closing it would leave a page that shows nothing and asks for nothing.
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = dialog.querySelector("#token");
  let problem = "wrongToken";
  try { problem = await signIn(field.value.trim()); } catch { problem = "lost"; }
  dialog.querySelector("#sign-in-problem").textContent = problem ? t(problem) : "";
  field.value = "";
  if (problem) { field.focus(); return; }
  dialog.close();
  follow();
});

// Whether this browser is known; on a server that asks for no token everybody is.
async function isKnown() {
  try {
    const answer = await fetch(SESSION_URL, { cache: "no-store" });
    return answer.status !== 401 && answer.status !== 403;
  } catch { return true; } // what is wrong is no question of who looks
}

function setConnection(state) {
  page.connection.dataset.state = state;
  page.connection.dataset.i18n = state;
  page.connection.textContent = t(state);
}

function stream() {
  const events = new EventSource(EVENTS_URL);
  // Each (re)opening asks for the list again: it fills whatever gap the stream had.
  events.addEventListener("open", () => { setConnection("live"); loadRecent(); });
  events.addEventListener("sample", (event) => harmless(() => accept(JSON.parse(event.data), true)));
  // A page that was too slow is told so, and fills the gap.
  events.addEventListener("missed", () => loadRecent());
  events.addEventListener("error", () => {
    setConnection("lost");
    // The browser retries a cut stream by itself, but gives up for good on an HTTP error (a proxy's 502).
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, REOPEN_MS);
  });
}

// The stream says nothing of why it was refused; the session does.
async function follow() {
  if (await isKnown()) { stream(); return; }
  setConnection("lost");
  if (!dialog.open) dialog.showModal();
}

/* ---------- Controls ---------- */

function setLanguage(next) {
  lang = next;
  document.documentElement.lang = lang;
  for (const button of document.querySelectorAll("[data-lang]")) button.setAttribute("aria-pressed", button.dataset.lang === lang);
  translate(document);
  for (const station of stations.values()) station.dirty = true;
  schedule();
}

// Overview keeps only verdict and history, in larger type, for a screen read from across the line.
function setOverview(on) {
  document.body.classList.toggle("overview", on);
  page.overview.setAttribute("aria-pressed", on);
}

for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => { remember("sqal-lang", button.dataset.lang); setLanguage(button.dataset.lang); });
}
page.overview.addEventListener("click", () => {
  const on = !document.body.classList.contains("overview");
  remember("sqal-overview", on ? "1" : "0");
  setOverview(on);
});

setOverview(recall("sqal-overview") === "1");
setLanguage(lang);
setInterval(drawAges, 1000);
loadRecent().finally(follow);
