// A request of the signed-in user, with a new access token when the old one has expired.

import { accessToken, send } from "./session.js";

/**
 * `version`: change the object only if it is still at this version (If-Match); otherwise ApiError 412.
 * Returns the JSON of the answer, or null if it has none. Raises ApiError.
 */
export async function call(method, path, { body, version } = {}) {
  const headers = {};
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  // A repeat of the same request has the same key, so the server does it once.
  if (method !== "GET") headers["Idempotency-Key"] = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const response = await again((token) =>
    send(method, path, { body, headers: { ...headers, Authorization: `Bearer ${token}` } }),
  );
  return response.status === 204 ? null : response.json();
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
