// The page: sign in, or the list. Everything it does, it does through the API that every client has.

import { forgetConversations, startChat } from "./chat.js";
import { startDevice, turnOff } from "./device.js";
import { onSubmit, say, trying } from "./messages.js";
import { loadMe, usualOffsets } from "./preferences.js";
import { emptyQuickAdd, startQuickAdd } from "./quick-add.js";
import { isSignedIn, onSessionChange, register, signIn, signOut } from "./session.js";
import { follow } from "./stream.js";
import { openTask } from "./task-dialog.js";
import { clearList, onChange, refresh, startList } from "./task-list.js";

const entrance = document.getElementById("entrance");
const home = document.getElementById("home");
const live = document.getElementById("live");
const add = document.getElementById("add");
const entry = document.getElementById("sign-in");

let stopFollowing = null;

async function showPage() {
  const signedIn = await isSignedIn();
  entrance.hidden = signedIn;
  home.hidden = !signedIn;
  for (const element of document.querySelectorAll("header [data-signed-in]")) element.hidden = !signedIn;
  if (signedIn === Boolean(stopFollowing)) return;
  if (signedIn) start();
  else stop();
}

function start() {
  stopFollowing = follow({
    onChange,
    onReset: () => trying(refresh),
    onState: (isLive) => {
      live.textContent = isLive ? "Live" : "Reconnecting …";
      live.classList.toggle("on", isLive);
    },
  });
  trying(refresh);
  trying(async () => {
    await startDevice();
    await loadMe();
  });
}

function stop() {
  stopFollowing();
  stopFollowing = null;
  clearList();
  emptyQuickAdd();
  forgetConversations();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  entry.elements.email.focus();
}

onSubmit(entry, async (action) => {
  const { email, password } = entry.elements;
  await (action === "register" ? register : signIn)(email.value, password.value);
  entry.reset();
  await showPage();
  add.elements.title.focus();
});
document.getElementById("sign-out").addEventListener("click", () =>
  trying(async () => {
    await turnOff().catch(() => {});
    await signOut();
    say("Signed out");
  }),
);
document.getElementById("add-details").addEventListener("click", () => {
  openTask(null, { title: add.elements.title.value, reminder_offsets: usualOffsets() });
  emptyQuickAdd();
});
for (const button of document.querySelectorAll("dialog .cancel")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
addEventListener("offline", () => say("You are offline. What you see may be out of date."));

startList({ onOpen: openTask });
startQuickAdd();
startChat();
onSessionChange(showPage);
showPage();
