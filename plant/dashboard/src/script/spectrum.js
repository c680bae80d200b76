// The spectrum: eight bands, the wide band and the near infrared.

const BANDS = ["F1_415nm", "F2_445nm", "F3_480nm", "F4_515nm", "F5_555nm", "F6_590nm", "F7_630nm", "F8_680nm", "Clear", "NIR"];

const WIDE = { Clear: ["wide", "wideLong"], NIR: ["nearInfrared", "nearInfraredLong"] };

const bandName = (band) => (WIDE[band] ? t(WIDE[band][1]) : band.replace(/^(F\d)_(\d+)nm$/, "$1, $2\u00a0nm"));

function buildBar(band) {
  const narrow = band.startsWith("F");
  const share = el("span", "share");
  const fill = el("span", "fill");
  const node = el("div", narrow ? "band" : "wide-band", share, el("span", "column", fill),
    narrow ? el("span", "wavelength", band.slice(3, 6)) : label("span", WIDE[band][0], "wavelength"));
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
  body.hidden = true; // until there is a tray
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
