// The map of the 64 zones.

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

const VALID_STATUS = 5;

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
  body.hidden = true; // until there is a tray
  let [tof, defects, scale, looked] = [null, [], null, -1];

  function modeNow() {
    return station.mode === "height" && !Array.isArray(tof?.height_matrix) ? "distance" : station.mode;
  }

  // Heights are computed for the zones of the tray alone; a zone beside it may read a distance all the same.
  const isOutside = (i, mode) => mode === "height" && finite(cellOf(tof?.distance_matrix, i));

  function describe(i, mode) {
    const { field, unit, digits } = MODES[mode];
    const value = cellOf(tof?.[field], i);
    const extras = [];
    const [sigma, status] = [cellOf(tof?.sigma_matrix, i), cellOf(tof?.status_matrix, i)];
    if (finite(sigma) && unit === "mm") extras.push(`σ ${withUnit(number(sigma, 1), "mm")}`);
    if (finite(status)) extras.push(t(status === VALID_STATUS ? "statusValid" : "status", { n: status }));
    for (const defect of defects) if (list(defect.zones).includes(i)) extras.push(word(defect.kind));
    const where = t("cell", { row: Math.floor(i / SIDE) + 1, col: (i % SIDE) + 1, zone: i + 1 });
    const what = finite(value) ? withUnit(number(value, digits), unit) : t(isOutside(i, mode) ? "outside" : "noReading");
    return pair(where, [what, ...extras].join(" · "));
  }

  // How many zones read something, and how many of them look into the tray.
  function counted(mode) {
    const shown = scale?.valid ?? 0;
    const measured = finite(tof?.valid_zones) ? tof.valid_zones : shown;
    return [t("valid", { n: measured }), ...(mode === "height" ? [t("inTray", { n: shown })] : [])];
  }

  function look(i) {
    looked = i;
    const mode = modeNow();
    if (i >= 0) readout.textContent = describe(i, mode);
    else readout.textContent = [t(mode === station.mode ? mode : "fallback"), ...counted(mode)].join(" · ");
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
