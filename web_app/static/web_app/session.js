// Who is signed in: an access token for some minutes, and a refresh token that works once.
//
// They are in IndexedDB, so that all tabs and the service worker have the same ones. Scripts of this origin can
// read them there, so the page runs none but its own (see its Content-Security-Policy).

import { load, remove, save } from "./store.js";

const SECONDS_TO_ANSWER = 20;
const changes = new BroadcastChannel("session");

/** An answer of the API that is an error, or no answer: `status` is 0 then. */
export class ApiError extends Error {
  constructor(status, errors = [], retryAfter = null) {
    super(inWords(status, errors, retryAfter));
    Object.assign(this, { status, errors });
  }
}

function inWords(status, errors, retryAfter) {
  const details = errors.map(({ attr, detail }) => (attr && errors.length > 1 ? `${attr}: ${detail}` : detail)).join(" ");
  if (status === 0) return "You are offline, or the server cannot be reached. Try again in a moment.";
  if (status === 401) return details || "Your sign-in has ended. Sign in again.";
  if (status === 412) return "This task was changed elsewhere in the meantime, so nothing was overwritten.";
  if (status === 429) return `Too many requests. Try again in ${retryAfter ?? "a few"} seconds.`;
  if (status >= 500) return "The server has a problem at the moment. Try again later.";
  return details || `The server answered ${status}.`;
}

/**
 * Send one request. Returns the response; raises ApiError for an error, or without an answer. `signal` ends it; without
 * one it has some seconds for the whole answer.
 */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      signal: signal ?? AbortSignal.timeout(SECONDS_TO_ANSWER * 1000),
    });
  } catch {
    throw new ApiError(0);
  }
  if (response.ok) return response;
  const { errors } = await response.json().catch(() => ({}));
  throw new ApiError(response.status, errors, response.headers.get("Retry-After"));
}

export async function isSignedIn() {
  return (await load("session", "tokens")) !== undefined;
}

export async function register(email, password) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  await send("POST", "/api/auth/register", { body: { email, password, timezone: timeZone } });
  await signIn(email, password);
}

export async function signIn(email, password) {
  const response = await send("POST", "/api/auth/token", { body: { email, password } });
  await save("session", await response.json(), "tokens");
  changes.postMessage("signed in");
}

export async function signOut() {
  const { refresh } = (await load("session", "tokens")) ?? {};
  if (refresh) await send("POST", "/api/auth/logout", { body: { refresh } }).catch(() => {});
  await forget();
}

/** Call the function when this tab or another one has signed in or out. */
export function onSessionChange(callback) {
  new BroadcastChannel("session").addEventListener("message", callback);
}

/** An access token; with `refused`, one that is newer than this. Raises ApiError 401 if no one is signed in. */
export async function accessToken(refused) {
  const { access } = (await load("session", "tokens")) ?? {};
  if (access && access !== refused) return access;
  // One tab at a time: a refresh token works once, and using it again would end the sign-in.
  return navigator.locks ? navigator.locks.request("refresh", () => renewed(refused)) : renewed(refused);
}

async function renewed(refused) {
  const tokens = await load("session", "tokens");
  if (!tokens) throw new ApiError(401);
  if (tokens.access !== refused) return tokens.access; // another tab was faster
  try {
    const response = await send("POST", "/api/auth/token/refresh", { body: { refresh: tokens.refresh } });
    const fresh = await response.json();
    await save("session", fresh, "tokens");
    return fresh.access;
  } catch (error) {
    if (error.status === 401) await forget();
    throw error.status === 401 ? new ApiError(401) : error;
  }
}

async function forget() {
  await remove("session", "tokens");
  changes.postMessage("signed out");
}
