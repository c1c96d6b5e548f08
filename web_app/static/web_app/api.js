// A request of the signed-in user, with a new access token when the old one has expired.

import { accessToken, send } from "./session.js";

/** For an Idempotency-Key: the server does the requests that have the same one once. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * `version`: change the object only if it is still at this version (If-Match); otherwise ApiError 412.
 * `key`: the Idempotency-Key, for who may have to ask again; else a new one.
 * Returns the JSON of the answer, or null if it has none. Raises ApiError.
 */
export async function call(method, path, options = {}) {
  const response = await request(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** As `call`, with more `headers`, and a `signal` that ends it. Returns the response. */
export async function request(method, path, { body, version, key = newKey(), headers = {}, signal } = {}) {
  const all = { ...headers };
  if (version !== undefined) all["If-Match"] = `"${version}"`;
  if (method !== "GET") all["Idempotency-Key"] = key;
  return again((token) =>
    send(method, path, { body, headers: { ...all, Authorization: `Bearer ${token}` }, signal }),
  );
}

async function again(request) {
  const token = await accessToken();
  try {
    return await request(token);
  } catch (error) {
    if (error.status === 401) return request(await accessToken(token));
    if (error.status === 0 && navigator.onLine) return request(token); // the answer may have been lost
    throw error;
  }
}
