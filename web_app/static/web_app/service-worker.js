// Shows notifications and sends what their buttons say, also when no page is open.
//
// A button is a link that the server has signed for this one action (`/r/...`). It is posted without cookies or
// token; sending it twice does it once. Without a network it is kept, and sent later.

import { call } from "/static/web_app/api.js";
import { entries, remove, save } from "/static/web_app/store.js";

const ICON = "/static/web_app/icon-192.png";
const LINKS = { complete: "complete", snooze: "snooze_10_minutes" };
const DONE = { complete: "Completed", snooze: "Snoozed for 10 minutes" };
const SECONDS_TO_ANSWER = 20;
const LATER = [0, 429, 500, 502, 503, 504];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(Promise.all([show(event.data), sendKept()])));
self.addEventListener("sync", (event) => event.waitUntil(sendKept()));
self.addEventListener("message", (event) => event.waitUntil(sendKept()));
self.addEventListener("notificationclick", (event) => {
  const { action, notification } = event;
  notification.close();
  event.waitUntil(LINKS[action] ? press(action, notification) : open(notification.data?.navigate ?? "/app/"));
});
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event)));

/** The payload is Declarative Web Push, which Safari shows without this worker. */
function show(data) {
  let notification = { title: "A reminder is due", navigate: "/app/" };
  try {
    ({ notification } = data.json());
  } catch {
    // Browsers require a notification for each message.
  }
  const { title, body, tag, navigate, actions = [], data: details = {} } = notification;
  return self.registration.showNotification(title, {
    body,
    tag,
    renotify: Boolean(tag),
    icon: ICON,
    badge: ICON,
    actions: actions.map(({ action, title: label }) => ({ action, title: label })),
    data: { ...details, navigate },
  });
}

/** A button was pressed. */
async function press(action, notification) {
  const kept = { action, title: notification.title, link: notification.data.links[LINKS[action]] };
  const { status, reason } = await post(kept.link);
  if (status < 300 && status > 0) return;
  if (LATER.includes(status)) {
    await save("actions", kept);
    await self.registration.sync?.register("actions").catch(() => {});
    await note(kept, "Not sent yet: no answer. It is kept, and sent as soon as possible.");
  } else {
    await note(kept, reason);
  }
}

/** Send what was kept. One at a time, so that two events do not send the same. */
function sendKept() {
  return navigator.locks.request("actions", async () => {
    for (const [key, kept] of await entries("actions")) {
      const { status, reason } = await post(kept.link);
      if (LATER.includes(status)) return;
      await remove("actions", key);
      await note(kept, status < 300 ? `${DONE[kept.action]}.` : reason);
    }
  });
}

/** Returns the status, 0 without an answer, and for an error what the server says. */
async function post(link) {
  try {
    const response = await fetch(link, {
      method: "POST",
      credentials: "omit",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(SECONDS_TO_ANSWER * 1000),
    });
    const { detail, errors } = await response.json().catch(() => ({}));
    return { status: response.status, reason: errors?.[0]?.detail ?? detail ?? "This is no longer possible." };
  } catch {
    return { status: 0 };
  }
}

/** Say what became of a button. A later note of the same task replaces this one. */
function note({ title, link }, body) {
  return self.registration.showNotification(title, { body, tag: link, icon: ICON, data: { navigate: "/app/" } });
}

async function open(url) {
  const windows = await self.clients.matchAll({ type: "window" });
  const page = windows.find((client) => client.url === new URL(url, self.location).href);
  return page ? page.focus() : self.clients.openWindow(url);
}

/** The push service has ended the subscription: make another one, and tell the API. */
async function subscribeAgain({ newSubscription, oldSubscription }) {
  const options = oldSubscription?.options ?? { userVisibleOnly: true };
  const fresh = newSubscription ?? (await self.registration.pushManager.subscribe(options));
  const { id } = await call("POST", "/api/push-subscriptions", { body: fresh.toJSON() });
  await save("session", id, "device");
}
