// Defects, flags, and what else is known of a tray.

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
  if (zones.length) details.push(`${t(zones.length > 1 ? "zones" : "zone")} ${zones.slice(0, 8).map((z) => z + 1).join(", ")}${zones.length > 8 ? ` +${zones.length - 8}` : ""}`);
  if (finite(defect.area_mm2)) details.push(`${number(defect.area_mm2 / 100, 1)}\u00a0cm²`);
  if (finite(defect.depth_mm)) details.push(`${t("depth")} ${number(defect.depth_mm, 1)}\u00a0mm`);
  if (finite(defect.probability)) details.push(`p ${chance(defect.probability)}`);
  const severity = el("span", "severity", word(defect.severity));
  const item = el("li", "defect", severity, " ", el("b", "", word(defect.kind)), " ", el("span", "detail", details.join(" · ")));
  item.dataset.severity = defect.severity ?? "";
  return item;
}

function contextLine({ fusion = {}, vl53l8ch: tof, as7341: spectral, meta, processing_time_ms: spent }) {
  const parts = [
    [t("tofScore"), scoreText(fusion?.vl53l8ch_score, tof?.uncertainty?.quality_score)],
    [t("spectralScore"), scoreText(fusion?.as7341_score, spectral?.uncertainty?.quality_score)],
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
    flags.textContent = raised.length === 0 ? "" : pair(t("flags"), raised.map(word).join(", "));
  }
  return { node: panel("panel-defects", "defects", items, flags), update };
}

