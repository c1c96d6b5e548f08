// Notifications on this device: the browser's subscription to its push service, and what the API knows of it.

import { call } from "./api.js";
import { load, remove, save } from "./store.js";

const SERVICE_WORKER = "/app/service-worker.js";
const MODE = { type: "module", scope: "/app/" };

// Trusted Types: the only script that this page loads by a name.
const policy = globalThis.trustedTypes?.createPolicy("service-worker", { createScriptURL: () => SERVICE_WORKER });

addEventListener("online", () => navigator.serviceWorker?.controller?.postMessage("send what was kept"));

/** "on", "off", "denied", "iphone" (first add the page to the home screen), "insecure" or "unsupported". */
export async function stateOfDevice() {
  if (!isSecureContext) return "insecure";
  if (navigator.standalone === false && !("PushManager" in globalThis)) return "iphone";
  if (!("serviceWorker" in navigator && "PushManager" in globalThis)) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return (await load("session", "device")) && (await subscription()) ? "on" : "off";
}

/** Start the service worker, and tell the API of the subscription that this browser already has. */
export async function startDevice() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register(policy?.createScriptURL("") ?? SERVICE_WORKER, MODE);
  (await navigator.serviceWorker.ready).active.postMessage("send what was kept");
  const existing = await subscription();
  if (existing && Notification.permission === "granted") await bind(existing);
  else await remove("session", "device");
}

/** Ask for the permission, and subscribe. Raises Error with a reason in words. */
export async function turnOn() {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error("This browser does not allow notifications of this page. Allow them in its settings.");
  }
  const { public_key: applicationServerKey } = await call("GET", "/api/push/vapid-public-key");
  const { pushManager } = await navigator.serviceWorker.ready;
  await bind(await subscribed(pushManager, { applicationServerKey, userVisibleOnly: true }));
}

async function subscribed(pushManager, options) {
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    if (error.name !== "InvalidStateError") {
      throw new Error("The browser cannot reach its push service. Check the network, and try again.");
    }
    // Subscribed with another key, which the server had before.
    await (await pushManager.getSubscription())?.unsubscribe();
    return pushManager.subscribe(options);
  }
}

/** Stop, also when someone else is going to use this browser. */
export async function turnOff() {
  const id = await load("session", "device");
  await remove("session", "device");
  await (await subscription())?.unsubscribe();
  if (id) await call("DELETE", `/api/push-subscriptions/${id}`).catch(() => {}); // else the push service reports it
}

/** Send a test notification; returns what the push service answered, in words. */
export async function sendTest() {
  const delivery = await call("POST", `/api/push-subscriptions/${await load("session", "device")}/test`);
  const { status, meaning } = delivery.attempts.at(-1) ?? {};
  if (!meaning) return "It is on its way.";
  return `${status ? `The push service answered ${status}. ` : ""}${meaning}`;
}

async function bind(existing) {
  const { id } = await call("POST", "/api/push-subscriptions", { body: existing.toJSON() });
  await save("session", id, "device");
}

async function subscription() {
  const registration = await navigator.serviceWorker?.getRegistration(MODE.scope);
  return registration?.pushManager?.getSubscription();
}
