// The beginning of the page of bugs: the part that its address names.

function drawAnew() {
  if (view.kind === "list") drawList();
  if (view.kind === "new") drawCaptions(page["new-fields"]);
  if (view.kind === "one") { drawOne(); drawCaptions(page["edit-fields"]); }
  if (!page.missing.hidden) drawMissing();
  if (view.kind !== "one") document.title = `${t(view.kind === "new" ? "newBug" : "bugs")} · SQAL`;
  drawWho(situation.signedOut ? {} : whoLooks);
}

async function load() {
  offerCategories();
  if (view.kind === "list") await Promise.all([loadRows(), loadFigures()]);
  if (view.kind !== "one") return;
  try { await loadOne(); } catch (refusal) { tellRefusal(refusal); }
}

// The list that the address names, if the head of the page leads to it, or the form.
function markPlace() {
  const isPlain = view.kind === "list" && listAddress({ ...view, skip: 0, sort: USUAL_SORT });
  const place = view.kind === "new" ? "to-new" : { "": "to-all", [`status=${NOT_ENDED}`]: "to-not-ended" }[isPlain];
  page[place]?.setAttribute("aria-current", "page");
}

markPlace();
page.list.hidden = view.kind !== "list";
page.new.hidden = view.kind !== "new";
if (view.kind === "new") buildNew();
setLanguage(lang);
signedIn();

export { TEXT, TRANSITIONS, exceptionOf, framesOf, lineDifference, listAddress, listQuery, needsWhy, nextSort, pagesOf, patchOf, splitList, viewOf };
