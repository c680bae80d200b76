// Which measured quantity of a tray is outside of which limit of its profile, the worst first.

// log10 of a reflectance, negative: the absorbance of a band; null where it is not known.
function absorbance(sample, band) {
  const reflectance = sample.as7341?.spectral_analysis?.reflectance?.[band];
  return finite(reflectance) && reflectance > 0 ? -Math.log10(reflectance) : null;
}

function difference(sample, one, other) {
  const [a, b] = [absorbance(sample, one), absorbance(sample, other)];
  return a === null || b === null ? null : a - b;
}

const ofBlock = (block, field) => (sample) => [sample[block]?.[field], sample[block]?.uncertainty?.[field]];

// `weight` is where the profile says how much the quantity counts: a weight of 0 leaves it out.
const LIMITED = [
  { key: "volume", unit: "cm³", factor: 1e-3, digits: 1, of: ofBlock("vl53l8ch", "volume_mm3"), limit: (p) => p.tof?.volume_mm3, weight: (p) => p.tof?.weights?.volume },
  { key: "meanHeight", unit: "mm", digits: 1, of: ofBlock("vl53l8ch", "avg_height_mm"), limit: (p) => p.tof?.height_mm, weight: (p) => p.tof?.weights?.height },
  { key: "heightVariation", unit: "mm", digits: 1, of: ofBlock("vl53l8ch", "height_variation_mm"), limit: (p) => p.tof?.variation_mm, weight: (p) => p.tof?.weights?.variation },
  {
    key: "meanReflectance", unit: "%", digits: 1, limit: (p) => p.tof?.reflectance_percent, weight: (p) => p.tof?.weights?.reflectance,
    of: (s) => [s.vl53l8ch?.reflectance_analysis?.mean, s.vl53l8ch?.reflectance_analysis?.mean_u],
  },
  { key: "oxidation", digits: 2, of: ofBlock("as7341", "oxidation_index"), limit: (p) => p.spectral?.oxidation, weight: (p) => p.spectral?.weights?.freshness },
  {
    key: "colourDistance", digits: 1, limit: (p) => p.spectral?.color_target?.delta_e00, weight: (p) => p.spectral?.weights?.color,
    of: (s) => [s.as7341?.color_analysis?.delta_e00, s.as7341?.color_analysis?.uncertainty?.delta_e00],
  },
  {
    key: "lightness", digits: 1, limit: (p) => p.spectral?.lightness, weight: (p) => p.spectral?.weights?.fat,
    of: (s) => [s.as7341?.color_analysis?.L, s.as7341?.color_analysis?.uncertainty?.L],
  },
  { key: "yellow", digits: 2, of: (s) => [difference(s, "F3_480nm", "F4_515nm"), null], limit: (p) => p.spectral?.carotenoid, weight: (p) => p.spectral?.weights?.fat },
  { key: "blood", digits: 2, of: (s) => [difference(s, "F5_555nm", "F8_680nm"), null], limit: (p) => p.spectral?.heme, weight: (p) => p.spectral?.weights?.fat },
];

// Indices from 0 to 1 that join several quantities: named only when none of those is outside of its own limit.
const JOINED = [
  { key: "freshness", digits: 2, of: ofBlock("as7341", "freshness_index"), weight: (p) => p.spectral?.weights?.freshness, parts: ["oxidation", "colourDistance"] },
  { key: "fat", digits: 2, of: ofBlock("as7341", "fat_quality_index"), weight: (p) => p.spectral?.weights?.fat, parts: ["lightness", "yellow", "blood"] },
];
const MIDDLE = { larger: { at: 0.5, width: 0.1 } }; // the desirability at a limit is one half

// The quantities of a sample that limits are compared with, as [value, standard uncertainty]; small enough to keep for many trays.
function quantitiesOf(sample) {
  return Object.fromEntries([...LIMITED, ...JOINED].map(({ key, of }) => [key, of(sample)]));
}

// The standard normal distribution function (Abramowitz and Stegun 7.1.26, within 1.5e-7).
function normalCdf(x) {
  const z = Math.abs(x) / Math.SQRT2;
  const k = 1 / (1 + 0.3275911 * z);
  const tail = k * (0.254829592 + k * (-0.284496736 + k * (1.421413741 + k * (-1.453152027 + k * 1.061405429)))) * Math.exp(-z * z);
  return x < 0 ? tail / 2 : 1 - tail / 2;
}

// The expected desirability of a measured value, as the server computes it from the profile.
function desirability(limit, x, u) {
  const spread = (width) => Math.hypot(width, finite(u) ? u : 0);
  if (limit?.larger) return normalCdf((x - limit.larger.at) / spread(limit.larger.width));
  if (limit?.smaller) return normalCdf((limit.smaller.at - x) / spread(limit.smaller.width));
  if (!limit?.target) return null;
  const { lo, hi, width } = limit.target;
  const peak = 2 * normalCdf((hi - lo) / (2 * width)) - 1;
  return (normalCdf((x - lo) / spread(width)) - normalCdf((x - hi) / spread(width))) / peak;
}

// On which side of its limit a value lies, and that limit; `uncertain` for a value inside that could as well be outside.
function sideOf(limit, x) {
  const low = limit.larger?.at ?? limit.target?.lo;
  const high = limit.smaller?.at ?? limit.target?.hi;
  if (finite(low) && x < low) return { side: "belowLimit", at: [low] };
  if (finite(high) && x > high) return { side: "aboveLimit", at: [high] };
  return { side: "uncertainLimit", at: [low, high].filter(finite) };
}

// Quantities below one half of what is desired, the worst first: { key, value, u, side, at, desirability, unit, factor, digits }.
function outOfLimits(quantities, profile) {
  const judged = (parts) => parts.flatMap(({ key, limit, weight, unit, factor = 1, digits }) => {
    const [value, u] = quantities?.[key] ?? [];
    const soft = limit(profile);
    if (!finite(value) || !soft || weight(profile) === 0) return [];
    const desired = desirability(soft, value, u);
    if (!finite(desired) || desired >= 0.5) return [];
    return [{ key, value, u, ...sideOf(soft, value), desirability: desired, unit, factor, digits }];
  });
  const out = judged(LIMITED);
  const joined = JOINED.filter(({ parts }) => !out.some(({ key }) => parts.includes(key)));
  out.push(...judged(joined.map((part) => ({ ...part, limit: () => MIDDLE }))));
  return out.sort((a, b) => a.desirability - b.desirability);
}

// A limit as it is written in the profile, without needless zeros.
const limitNumber = (x) => format(Intl.NumberFormat, { maximumFractionDigits: 3 }).format(x);

// In the words of the plant: "Mean height 14.6 mm, below the limit of 15 mm".
function limitText({ key, value, u, side, at, unit, factor, digits }) {
  const limits = at.map((x) => x * factor);
  let places = digits;
  // A value beside its limit must not be rounded onto it.
  while (side !== "uncertainLimit" && places < digits + 3 && limits.some((x) => number(x, places) === number(value * factor, places))) places += 1;
  const shown = number(value * factor, places);
  const spread = side === "uncertainLimit" && finite(u) ? ` ${uncertainty(u * factor, digits)}` : "";
  return t(side, { name: t(key), value: withUnit(shown + spread, unit), limit: withUnit(limits.map(limitNumber).join("\u00a0–\u00a0"), unit) });
}
