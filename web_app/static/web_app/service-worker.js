// Shows notifications and sends what their buttons say, also when no page is open.
//
// A button is a link that the server has signed for this one action (`/r/...`). It is posted without cookies or
// token; sending it twice does it once. Without a network it is kept, and sent later.

import { call } from "/static/web_app/api.js";
import { entries, remove, save } from "/static/web_app/store.js";

const ICON = "/static/web_app/icon-192.png";
const SECONDS_TO_ANSWER = 20;
const UNDO_SHOWN_MS = 10_000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(Promise.all([show(event.data), sendKept()])));
self.addEventListener("sync", (event) => event.waitUntil(sendKept()));
self.addEventListener("message", (event) => event.waitUntil(sendKept())); // the page is open, or online again
self.addEventListener("notificationclick", (event) => {
  const { action, notification } = event;
  const { navigate = "/app/", links = {} } = notification.data ?? {};
  // After a button it stays until the answer replaces it: closing may come later than that, and would close both.
  if (!links[action]) notification.close();
  event.waitUntil(links[action] ? press(links[action], notification) : open(navigate));
});
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event)));

/** The payload is Declarative Web Push, which Safari shows without this worker. */
function show(data) {
  let notification = { title: "A reminder is due" };
  try {
    ({ notification } = data.json());
  } catch {
    // Browsers require a notification for each message.
  }
  const { title, body, tag, navigate, actions = [] } = notification;
  return self.registration.showNotification(title, {
    body,
    tag,
    renotify: Boolean(tag),
    icon: ICON,
    actions: actions.map(({ action, title: label }) => ({ action, title: label })),
    data: { navigate, links: Object.fromEntries(actions.map((button) => [button.action, button.navigate])) },
  });
}

/** A button was pressed: send its link, and say what became of it. */
async function press(link, { title, tag }) {
  const kept = { link, title, tag };
  const answer = await post(link);
  if (answer.isFinal) {
    await note(kept, answer);
  } else {
    await save("actions", kept);
    await self.registration.sync?.register("actions").catch(() => {});
    await note(kept, { message: "Not sent: there is no connection. It is kept, and sent when there is one." });
  }
}

/** Send what was kept, and say what became of it. One event at a time, so that two do not send the same. */
async function sendKept() {
  const answered = [];
  await navigator.locks.request("actions", async () => {
    for (const [key, kept] of await entries("actions")) {
      const answer = await post(kept.link);
      if (!answer.isFinal) return;
      await remove("actions", key);
      answered.push([kept, answer]);
    }
  });
  await Promise.all(answered.map(([kept, answer]) => note(kept, answer)));
}

/** What the server says: `{isFinal, message, undo}`. It is final unless there is no answer, or one to try again. */
async function post(link) {
  try {
    const response = await fetch(link, {
      method: "POST",
      credentials: "omit",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(SECONDS_TO_ANSWER * 1000),
    });
    const { message, undo, errors = [] } = await response.json();
    const isFinal = response.status !== 429 && response.status < 500;
    return { isFinal, message: message ?? `This did not work. ${errors[0]?.detail ?? ""}`, undo };
  } catch {
    return { isFinal: false };
  }
}

/** Say what became of a button, in place of the notification. Undo is offered for some seconds. */
async function note({ title, tag }, { message, undo }) {
  await self.registration.showNotification(title, {
    body: message,
    tag,
    silent: true,
    icon: ICON,
    actions: undo ? [{ action: "undo", title: "Undo" }] : [],
    data: { links: { undo: undo?.url } },
  });
  if (!undo) return;
  await new Promise((resolve) => setTimeout(resolve, UNDO_SHOWN_MS));
  const shown = await self.registration.getNotifications({ tag });
  for (const notification of shown) if (notification.data.links?.undo === undo.url) notification.close();
}

async function open(url) {
  const { href } = new URL(url, self.location);
  const windows = await self.clients.matchAll({ type: "window" });
  const page = windows.find((client) => client.url === href);
  return page ? page.focus() : self.clients.openWindow(href);
}

/** The push service has ended the subscription: make another one, and tell the API. */
async function subscribeAgain({ newSubscription, oldSubscription }) {
  const options = oldSubscription?.options ?? (await optionsOfServer());
  const fresh = newSubscription ?? (await self.registration.pushManager.subscribe(options));
  const { id } = await call("POST", "/api/push-subscriptions", { body: fresh.toJSON() });
  await save("session", id, "device");
}

async function optionsOfServer() {
  const { public_key: applicationServerKey } = await call("GET", "/api/push/vapid-public-key");
  return { applicationServerKey, userVisibleOnly: true };
}
