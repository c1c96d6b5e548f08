// The preferences of the signed-in user, and what the page offers because of them.

import { call } from "./api.js";
import { sendTest, stateOfDevice, turnOff, turnOn } from "./device.js";
import { onSubmit, say, trying } from "./messages.js";
import { deviceZone, offsetInWords } from "./when.js";

const DEVICE = {
  on: "This device gets your reminders.",
  off: "This device gets no reminders.",
  denied: "This browser does not allow notifications of this page. Allow them in its settings, then load the page again.",
  iphone: "On an iPhone or iPad, first add this page to the Home Screen (Share, then Add to Home Screen), and open it there.",
  insecure: "Notifications need https, or an address of this machine.",
  unsupported: "This browser has no push notifications.",
};

const dialog = document.getElementById("preferences");
const form = dialog.querySelector("form");
const fields = form.elements;
const notices = { reachable: document.getElementById("not-reachable"), zone: document.getElementById("zone-offer") };

let me = null;

/** Read the user, and show what there is to say or to ask. */
export async function loadMe() {
  me = await call("GET", "/api/me");
  notices.reachable.hidden = me.reachable !== false;
  const zone = deviceZone();
  notices.zone.hidden = !(me.timezone_is_default && zone && zone !== me.timezone);
  for (const element of document.querySelectorAll(".device-zone")) element.textContent = zone;
  await showDevice();
  return me;
}

/** The reminders of a new task with a date. */
export const usualOffsets = () => [me?.default_reminder_offset ?? []].flat();

async function showDevice() {
  const state = await stateOfDevice();
  for (const element of document.querySelectorAll(".device-state")) element.textContent = DEVICE[state];
  const problem = document.querySelector(".device-problem");
  problem.textContent = ["on", "off"].includes(state) ? "" : DEVICE[state];
  for (const button of document.querySelectorAll(".turn-on")) button.hidden = state !== "off";
  for (const id of ["turn-off", "send-test"]) document.getElementById(id).hidden = state !== "on";
}

function fill() {
  if (!fields.timezone.options.length) {
    fields.timezone.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option(name)));
  }
  choose(fields.timezone, me.timezone, String);
  fields.move_series.checked = false;
  fields.day_starts_at.value = me.day_starts_at;
  fields.quiet_from.value = me.quiet_from ?? "";
  fields.quiet_to.value = me.quiet_to ?? "";
  fields.push.checked = me.channels.includes("push");
  fields.email.checked = me.channels.includes("email");
  choose(fields.default_reminder_offset, me.default_reminder_offset ?? "", offsetInWords);
  fields.due_soon_notifications.checked = me.due_soon_notifications;
  document.getElementById("address").textContent = me.email_confirmed ? me.email : `${me.email}, not confirmed yet`;
}

/** Choose this value, which another client may have set, so it need not be among the options. */
function choose(select, value, label) {
  const isThere = [...select.options].some((option) => option.value === String(value));
  if (!isThere) select.append(new Option(label(value), value));
  select.value = value;
}

function read() {
  const offset = fields.default_reminder_offset.value;
  return {
    timezone: fields.timezone.value,
    day_starts_at: fields.day_starts_at.value,
    quiet_from: fields.quiet_from.value || null,
    quiet_to: fields.quiet_to.value || null,
    channels: ["push", "email"].filter((name) => fields[name].checked),
    default_reminder_offset: offset === "" ? null : Number(offset),
    due_soon_notifications: fields.due_soon_notifications.checked,
  };
}

async function save() {
  const isNew = ([name, value]) => JSON.stringify(value) !== JSON.stringify(me[name]);
  const body = Object.fromEntries(Object.entries(read()).filter(isNew));
  if ("timezone" in body) body.move_series = fields.move_series.checked;
  if (Object.keys(body).length) await call("PATCH", "/api/me", { body });
  await loadMe();
}

/** Show what the button's work says, beside it. */
function onDeviceButton(button, work) {
  button.addEventListener("click", async () => {
    const answer = document.getElementById("device-answer");
    answer.textContent = "";
    button.disabled = true;
    try {
      answer.textContent = (await work()) ?? "";
    } catch (error) {
      if (dialog.open) answer.textContent = error.message;
      else say(error.message);
    }
    button.disabled = false;
    await trying(loadMe);
  });
}

for (const button of document.querySelectorAll(".turn-on")) onDeviceButton(button, turnOn);
onDeviceButton(document.getElementById("turn-off"), turnOff);
onDeviceButton(document.getElementById("send-test"), sendTest);
document.getElementById("open-preferences").addEventListener("click", () =>
  trying(async () => {
    await loadMe();
    fill();
    form.querySelector("[role=alert]").textContent = "";
    document.getElementById("device-answer").textContent = "";
    dialog.showModal();
  }),
);
document.getElementById("use-zone").addEventListener("click", () =>
  trying(async () => {
    await call("PATCH", "/api/me", { body: { timezone: deviceZone() } });
    await loadMe();
  }),
);
onSubmit(form, async () => {
  await save();
  dialog.close();
  say("Preferences saved");
});
