// Signs for the states of stations and the severities of alerts: each has a shape of its own, so that none needs its colour.

const SIGNS = {
  well: "M2.5 8.5l3.5 3.5 7.5-8",
  learning: "M8 2.2a5.8 5.8 0 1 1-5.8 5.8M8 4.8v3.4h2.6",
  warning: "M8 2l6.5 11.5h-13zM8 6.4v3.2M8 11.6v.1",
  critical: "M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7h-5.6l-3.7-3.7v-5.6zM8 4.6v4M8 11.2v.1",
};

function sign(name) {
  const node = svg("svg", { viewBox: "0 0 16 16", class: "sign", "aria-hidden": "true" }, svg("path", { d: SIGNS[name] ?? SIGNS.warning }));
  node.dataset.sign = name;
  return node;
}
