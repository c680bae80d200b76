// The elements of the page of bugs, and what it learns of the server and of the person who looks.

const page = Object.fromEntries([...document.querySelectorAll("[id]")].map((node) => [node.id, node]));
const situation = { signedOut: false };
const view = viewOf(location.search);

const here = (query) => beside(query ? `bugs?${query}` : "bugs").href;
const bugHref = (id) => here(new URLSearchParams({ id }));

const tell = (said) => { page.told.textContent = said; };

const tellRefusal = ({ message }) => tell(situation.signedOut ? t("signInAsked") : message);

function serverSilent() {
  show(page.away, t("serverAwayAtOnce"));
}

function serverAnswered() {
  show(page.away, null);
}

function whoChanged() {
  page["internal-label"].hidden = !["quality_engineer", "administrator"].includes(whoLooks.role);
  // A viewer reports, and attaches nothing.
  page["new-file-field"].hidden = whoLooks.role === "viewer";
}

function signedOut() {
  tell(t("signInAsked"));
}

// What was shown to one person is not left to the next: the page begins anew.
function forgetAll() {
  location.reload();
}

async function signedIn() {
  tell("");
  if (await meet()) load();
}

// Does what a form asks for, once at a time, and shows a refusal in words beside it.
async function doOnce(button, problem, action) {
  if (button.disabled) return;
  button.disabled = true;
  problem.textContent = "";
  try {
    await action();
  } catch (refusal) {
    problem.textContent = refusal.message;
    if (refusal.status === 412 || refusal.status === 409) await refresh();
  } finally {
    button.disabled = false;
  }
}
