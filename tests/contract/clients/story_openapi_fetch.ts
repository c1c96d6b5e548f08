// The story of test_clients.py with openapi-fetch, on the types of openapi-typescript.
import createClient from "openapi-fetch";
import type { paths } from "./openapi-typescript";

declare const process: { env: Record<string, string> };

function need<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

async function main(): Promise<void> {
  const { API_URL: baseUrl, EMAIL: email, PASSWORD: password } = process.env;
  const { access } = need(await createClient<paths>({ baseUrl }).POST("/api/auth/token", { body: { email, password } }));
  const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${access}` } });
  const { id } = need(
    await api.POST("/api/tasks", {
      body: { title: "Water", due_at: "2030-05-01T07:00:00Z", recurrence_rule: "daily", reminder_offsets: [30] },
    }),
  );
  const path = { path: { id } };
  const read = need(await api.GET("/api/tasks/{id}", { params: path }));
  const changed = need(await api.PUT("/api/tasks/{id}", { params: path, body: { ...read, title: "Water plants" } }));
  const stale = await api.PUT("/api/tasks/{id}", { params: path, body: { ...read, title: "Too late" } });
  const wrong = await api.PATCH("/api/tasks/{id}", { params: path, body: { title: "" } });
  const found = need(await api.GET("/api/tasks", { params: { query: { q: "plants" } } }));
  const done = need(await api.POST("/api/tasks/{id}/complete", { params: path }));
  const gone = await api.DELETE("/api/tasks/{id}", { params: path });
  console.log(
    JSON.stringify([
      changed.title,
      changed.version,
      stale.response.status,
      wrong.error?.errors[0].attr,
      found.results.length,
      done.completed,
      gone.response.status,
    ]),
  );
}

void main();
