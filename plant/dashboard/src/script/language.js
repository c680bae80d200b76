// The language of a page: the person chooses it, and the browser remembers it. Each page has `drawAnew` for what it has drawn.

function setLanguage(chosen) {
  lang = chosen;
  document.documentElement.lang = lang;
  for (const button of document.querySelectorAll("[data-lang]")) button.setAttribute("aria-pressed", button.dataset.lang === lang);
  translate(document);
  drawAnew();
}

for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => { remember("sqal-lang", button.dataset.lang); setLanguage(button.dataset.lang); });
}
