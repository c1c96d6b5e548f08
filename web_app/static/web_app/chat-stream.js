// A turn of the assistant while it happens: Server-Sent Events of a POST, which EventSource cannot send.

import { call, request } from "./api.js";
import { ApiError } from "./session.js";

const LONGEST_SILENCE_MS = 60_000; // the server sends a heartbeat every 15 seconds

/**
 * Send the message and yield the turn's events, `{name, data}`, up to `done`. The same message with the same key gets
 * the turn that it has begun. Raises ApiError for an error, status 0 if the connection breaks off: the turn goes on.
 */
export async function* turnEvents({ message, conversation_id, key }) {
  const { chat_url } = await call("GET", "/api/assistant");
  const silence = new AbortController();
  let timer = null;
  function wait() {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), LONGEST_SILENCE_MS);
  }
  wait();
  try {
    const headers = { Accept: "text/event-stream" };
    const body = { message, conversation_id };
    const response = await request("POST", chat_url, { body, key, headers, signal: silence.signal });
    for await (const event of eventsOf(response.body, wait)) {
      if (event.name === "error") throw new ApiError(event.data.status, event.data.errors, event.data.retry_after);
      yield event;
      if (event.name === "done") return;
    }
  } catch (error) {
    throw "status" in error ? error : new ApiError(0);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
  throw new ApiError(0); // it ended before the turn did
}

/** Each event is `event: NAME`, `data: JSON` and an empty line; a line that begins with a colon is a heartbeat. */
async function* eventsOf(body, onData) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onData();
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = block.match(/^event: (\w+)\ndata: (.*)$/m) ?? [];
      if (name) yield { name, data: JSON.parse(data) };
    }
  }
}
