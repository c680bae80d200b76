// What stands beside a bug: its comments, its attachments and its history.

const authorText = (name) => (Object.hasOwn(AUTHORS, name) ? AUTHORS[name][LANGUAGES.indexOf(lang)] : name);

const byLine = (by, at, ...marks) => el("p", "detail", ...(by ? [el("bdi", "", authorText(by)), ...marks, " · "] : marks), moment(at));

/* ---------- Comments ---------- */

function commentItem({ by, at, text: said, isInternal }) {
  const mark = isInternal ? [" ", el("span", "doubt", t("internalMark"))] : [];
  return el("li", "entry", byLine(by, at, ...mark), el("p", "written", said));
}

function drawComments() {
  const { comments } = one;
  page.comments.replaceChildren(...(comments.length ? comments.map(commentItem) : [el("li", "detail", t("noComment"))]));
}

const commenting = { text: "", key: "" };

page["comment-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  doOnce(page["comment-send"], page["comment-problem"], async () => {
    const [said, isInternal] = [page["comment-text"].value.trim(), page["comment-internal"].checked];
    const sent = JSON.stringify([one.bug.id, said, isInternal]);
    if (sent !== commenting.text) Object.assign(commenting, { text: sent, key: newKey() });
    await addComment(one.bug.id, said, isInternal, commenting.key);
    Object.assign(commenting, { text: "" });
    page["comment-text"].value = "";
    tell(t("commentAdded"));
    await refresh();
  });
});

/* ---------- Attachments ---------- */

function sizeText(bytes) {
  if (!finite(bytes)) return NONE;
  if (bytes < 1024) return t("bytes", { n: number(bytes, 0) });
  return bytes < 2 ** 20 ? t("kibibytes", { n: number(bytes / 1024, 0) }) : t("mebibytes", { n: number(bytes / 2 ** 20, 1) });
}

function attachmentItem({ id, name, kind, size, hash, by, at }) {
  const link = Object.assign(el("a", "fact-link", el("bdi", "", name)), { href: beside(pathOf(one.bug.id, "attachments", id)).href, download: name, title: hash });
  link.setAttribute("aria-label", t("download", { name }));
  const remove = deedButton(t("remove"), () => askRemoval(id, name));
  remove.setAttribute("aria-label", t("removeOf", { name }));
  return el("li", "entry attachment", el("div", "", el("p", "", link, " ", el("span", "detail", `${sizeText(size)} · ${kind}`)), byLine(by, at)), remove);
}

function drawAttachments() {
  const { attachments } = one;
  page.attachments.replaceChildren(...(attachments.length ? attachments.map(attachmentItem) : [el("li", "detail", t("noAttachment"))]));
}

const removal = { id: "", name: "" };

function askRemoval(id, name) {
  Object.assign(removal, { id, name });
  page["sure-title"].textContent = t("removeOf", { name });
  page["sure-problem"].textContent = "";
  page.sure.showModal();
}

page.sure.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  doOnce(page["sure-send"], page["sure-problem"], async () => {
    await removeAttachment(one.bug.id, removal.id);
    page.sure.close();
    tell(t("detached", { name: removal.name }));
    await refresh();
    page["attachments-title"].focus();
  });
});
page["sure-cancel"].addEventListener("click", () => page.sure.close());

page["attach-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  doOnce(page["attach-send"], page["attach-problem"], async () => {
    const [file] = page["attach-file"].files;
    checkSize(file);
    tell(t("sending"));
    try { await addAttachment(one.bug.id, file); } catch (refusal) { tell(""); throw refusal; }
    page["attach-file"].value = "";
    tell(t("attached", { name: file.name }));
    await refresh();
  });
});

/* ---------- History ---------- */

// What the server says of an entry: that the fault came back, or a file that is gone.
function noteText(note) {
  const { kind, firmware, name } = note ?? {};
  if (kind === "imported") return t("imported");
  if (kind === "regressed") return firmware ? t("regressedIn", { firmware }) : t("cameBack");
  if (kind === "seen_in") return t("seenIn", { firmware });
  return kind === "detached" ? t("detached", { name }) : null;
}

function changeItem({ revision, by, at, from, to, why: reason, note, changes }) {
  const moved = from !== null && to && from !== to ? `${word(from)} → ${word(to)}` : null;
  const said = [moved ?? t(from === null ? "reported" : "changed"), reason && pair(t("why"), reason), noteText(note)].filter(Boolean).join(" · ");
  const shown = changes.filter(({ field }) => !(moved && field === "status"));
  const differences = shown.map(differenceOf);
  // All fields of a new bug stand above already.
  const folded = from === null && shown.length ? [el("details", "", label("summary", "whatReported"), ...differences)] : differences;
  const item = el("li", "entry", byLine(by, at), el("p", "", said), ...folded);
  item.dataset.revision = revision;
  return item;
}

function drawHistory() {
  page.history.replaceChildren(...one.entries.map(changeItem));
  page["history-more"].hidden = one.next === null;
}

page["history-more"].addEventListener("click", () => doOnce(page["history-more"], page["one-problem"], async () => {
  const { entries, next: after } = await loadHistory(one.bug.id, one.next);
  Object.assign(one, { entries: [...one.entries, ...entries], next: after });
  drawHistory();
}));
