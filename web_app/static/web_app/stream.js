// The live stream. It may be on another origin, and EventSource cannot send a token, so each connection has a
// ticket, which works once: EventSource's own reconnecting would use it again.

import { call } from "./api.js";

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

/**
 * Follow the changes until `stop()`. Calls `onChange({task_id, version, ...})`, `onReset()` when changes may have
 * been missed and the tasks must be read again, and `onState(isLive)`.
 */
export function follow({ onChange, onReset, onState }) {
  let source = null;
  let timer = null;
  let wait = FIRST_WAIT;
  let lastEventId = "";
  let isConnecting = false;
  let isStopped = false;

  function on(name, callback) {
    source.addEventListener(name, (event) => {
      lastEventId = event.lastEventId;
      callback(event);
    });
  }

  async function connect() {
    clearTimeout(timer);
    isConnecting = true;
    try {
      const { url, ticket } = await call("POST", "/api/stream/ticket");
      if (isStopped) return;
      const query = new URLSearchParams({ ticket, ...(lastEventId && { last_event_id: lastEventId }) });
      const isFirst = !lastEventId;
      source = new EventSource(`${url}?${query}`);
      on("ready", () => {
        wait = FIRST_WAIT;
        onState(true);
        if (isFirst) onReset(); // what changed before the stream began
      });
      on("reset", onReset);
      on("task.sync", (event) => onChange(JSON.parse(event.data)));
      source.onerror = later;
    } catch (error) {
      if (error.status !== 401) later();
    } finally {
      isConnecting = false;
    }
  }

  function later() {
    source?.close();
    source = null;
    if (isStopped) return;
    onState(false);
    timer = setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }

  function atOnce() {
    if (!source && !isConnecting && !isStopped && document.visibilityState === "visible") connect();
  }

  addEventListener("online", atOnce);
  document.addEventListener("visibilitychange", atOnce);
  connect();
  return function stop() {
    isStopped = true;
    clearTimeout(timer);
    source?.close();
    removeEventListener("online", atOnce);
    document.removeEventListener("visibilitychange", atOnce);
  };
}
