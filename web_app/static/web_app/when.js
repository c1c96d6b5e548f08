// Times in words, by the clock of this device.

const language = navigator.language.startsWith("en") ? navigator.language : "en-GB";
const time = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });

/** The IANA name of this device's zone; undefined if it does not know. */
export function deviceZone() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return timeZone?.includes("Unknown") ? undefined : timeZone;
}

/** Midnight of a day such as 2030-05-01. */
const midnight = (date) => new Date(`${date}T00:00`);

const startOfDay = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());

/** In days: 0 is today, 1 tomorrow. */
const daysAway = (moment) => Math.round((startOfDay(moment) - startOfDay(new Date())) / 86_400_000);

export function dayInWords(moment) {
  const name = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[daysAway(moment)];
  const isThisYear = moment.getFullYear() === new Date().getFullYear();
  return name ?? (isThisYear ? day : dayOfYear).format(moment);
}

/** A day such as 2030-05-01, or an instant, in words. */
export function inWords(text) {
  if (!text.includes("T")) return dayInWords(midnight(text));
  const moment = new Date(text);
  return `${dayInWords(moment)}, ${time.format(moment)}`;
}

/** "overdue", "today", "tomorrow", "later" or "none". */
export function groupOf({ due_date, due_at }) {
  if (!due_at) return "none";
  const due = due_date ? midnight(due_date) : new Date(due_at);
  const away = daysAway(due);
  if (away < 0 || (!due_date && due < new Date())) return "overdue";
  return ["today", "tomorrow"][away] ?? "later";
}

/** An instant as the values of a date and a time field: ["2030-05-01", "09:00"]. */
export function toFields(instant) {
  const local = new Date(instant);
  const two = (number) => String(number).padStart(2, "0");
  const date = [String(local.getFullYear()).padStart(4, "0"), two(local.getMonth() + 1), two(local.getDate())];
  return [date.join("-"), `${two(local.getHours())}:${two(local.getMinutes())}`];
}

/** An instant by the clock of a zone, as 2030-05-01T09:00. */
export function localIn(timeZone, instant) {
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  return clock.format(new Date(instant)).replace(" ", "T"); // Swedes write dates as ISO 8601 does
}

/** The instant of a local date and time. */
export const toInstant = (date, clock) => new Date(`${date}T${clock}`).toISOString();

/** Minutes before the due time, in words. */
export function offsetInWords(minutes) {
  if (minutes === 0) return "at the due time";
  const [size, unit] = [[1440, "day"], [60, "hour"], [1, "minute"]].find(([divisor]) => minutes % divisor === 0);
  const number = minutes / size;
  return `${number} ${unit}${number === 1 ? "" : "s"} before`;
}
