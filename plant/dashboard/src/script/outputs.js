// The table of measured quantities.

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
