// What the live page does when the person who looks signs in or out.

function whoChanged() {
  drawAlerts();
}

function signedOut() {
  events?.close();
  events = null;
  setConnection("out");
  drawSituation();
}

// The stream says nothing of why it was refused; the session does.
async function follow() {
  if (await meet()) stream();
}

async function signedIn() {
  await follow();
  poll();
  countBugs();
}
