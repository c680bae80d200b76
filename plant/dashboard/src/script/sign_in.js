// Who looks: signing in and out. Each page has `whoChanged`, `signedIn`, `signedOut` and `forgetAll` for what it does about that.

const dialog = document.querySelector("#sign-in");
let whoLooks = {};

// Whose page this is, as { name, role }; null if the server wants a token first.
async function session() {
  try {
    const { status, body } = await ask("api/v1/session");
    return status === 401 || status === 403 ? null : body ?? {};
  } catch { return {}; } // what is wrong is no question of who looks
}

function drawWho({ name, role }) {
  page.who.replaceChildren(name ? el("bdi", "", name) : t("openServer"), ...(name && role ? [` · ${word(role)}`] : []));
  page.who.hidden = !role;
  page["sign-out"].hidden = !name;
  document.body.classList.toggle("open-server", role !== undefined && !name);
  whoChanged();
}

function signInNeeded() {
  if (situation.signedOut) return;
  situation.signedOut = true;
  document.body.classList.add("signed-out");
  page["sign-in-again"].hidden = false;
  signedOut();
  drawWho({});
  openDialog();
}

function openDialog() {
  if (situation.signedOut && !dialog.open) dialog.showModal();
}

// Asks who looks; returns whether the page may go on.
async function meet() {
  const who = await session();
  if (who === null) { signInNeeded(); return false; }
  situation.signedOut = false;
  document.body.classList.remove("signed-out");
  page["sign-in-again"].hidden = true;
  if (Object.hasOwn(who, "role")) { whoLooks = who; drawWho(who); }
  return true;
}

// The token goes into a cookie that no script reads; here it is forgotten with the form.
async function signIn(token) {
  const answer = await fetch(beside("api/v1/session"), { method: "POST", headers: { authorization: `Bearer ${token}` } });
  if (answer.ok) return null;
  if (answer.status !== 403) return answer.status === 429 ? "tooOften" : "wrongToken";
  const { type } = await answer.json().catch(() => ({}));
  return type?.endsWith("/forbidden-origin") ? "otherHost" : "notForPeople";
}

// A page without its content must always say how to get it: the dialog does not close before the token is known. A browser lets a page refuse only the
// first Escape, so it is opened again after the second.
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", openDialog);
page["sign-in-again"].addEventListener("click", openDialog);

dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = dialog.querySelector("#token");
  let problem = "wrongToken";
  try { problem = await signIn(field.value.trim()); } catch { problem = "lost"; }
  const line = dialog.querySelector("#sign-in-problem");
  line.textContent = problem ? t(problem) : "";
  field.value = "";
  if (problem) { field.focus(); return; }
  situation.signedOut = false;
  dialog.close();
  signedIn();
});

const paste = dialog.querySelector("#paste");
// Only pages that came encrypted, or from this machine, may read the clipboard.
paste.hidden = !navigator.clipboard?.readText;
paste.addEventListener("click", async () => {
  const field = dialog.querySelector("#token");
  try { field.value = (await navigator.clipboard.readText()).trim(); } catch { /* refused by the person or the browser */ }
  field.focus();
});

const reveal = dialog.querySelector("#show-token");
reveal.addEventListener("click", () => {
  const field = dialog.querySelector("#token");
  field.type = field.type === "password" ? "text" : "password";
  reveal.setAttribute("aria-pressed", field.type === "text");
});

// What was shown to one person is not left to the next.
page["sign-out"].addEventListener("click", async () => {
  try {
    if (!(await ask("api/v1/session", { method: "DELETE" })).ok) return;
  } catch { return; }
  signInNeeded();
  forgetAll();
});
