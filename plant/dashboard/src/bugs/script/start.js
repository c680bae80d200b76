// The beginning of the page of bugs: the part that its address names.

function drawAnew() {
  if (view.kind === "list") drawList();
  if (view.kind === "new") drawCaptions(page["new-fields"]);
  if (view.kind === "one") { drawOne(); drawCaptions(page["edit-fields"]); }
  if (view.kind !== "one") document.title = `${t(view.kind === "new" ? "newBug" : "bugs")} · SQAL`;
  drawWho(situation.signedOut ? {} : whoLooks);
}

async function load() {
  offerCategories();
  if (view.kind === "list") await Promise.all([loadRows(), loadFigures()]);
  if (view.kind !== "one") return;
  try { await loadOne(); } catch (refusal) { tellRefusal(refusal); }
}

page.list.hidden = view.kind !== "list";
page.new.hidden = view.kind !== "new";
if (view.kind === "new") buildNew();
setLanguage(lang);
signedIn();

export { TEXT, TRANSITIONS, lineDifference, listAddress, listQuery, needsWhy, nextSort, pagesOf, patchOf, splitList, viewOf };
