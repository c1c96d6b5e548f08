// The story of test_clients.py with the client of openapi-generator's typescript-fetch.
import { AuthApi, Configuration, ResponseError, TasksApi } from "./typescript-fetch";

declare const process: { env: Record<string, string>; exit(code: number): void };

async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    if (error instanceof ResponseError) return error.response.status;
    throw error;
  }
}

async function main(): Promise<void> {
  const { API_URL: basePath, EMAIL: email, PASSWORD: password } = process.env;
  const { access } = await new AuthApi(new Configuration({ basePath })).authTokenCreate({
    signInRequest: { email, password },
  });
  const tasks = new TasksApi(new Configuration({ basePath, accessToken: access }));
  const { id } = await tasks.tasksCreate({
    newTaskRequest: {
      title: "Water",
      dueAt: new Date("2030-05-01T07:00:00Z"),
      recurrenceRule: "daily",
      reminderOffsets: [30],
    },
  });
  const read = await tasks.tasksRetrieve({ id });
  const ifMatch = `"${read.version}"`;
  const changed = await tasks.tasksUpdate({ id, ifMatch, taskRequest: { ...read, title: "Water plants" } });
  const stale = await statusOf(tasks.tasksUpdate({ id, ifMatch, taskRequest: { ...read, title: "Too late" } }));
  const wrong = await statusOf(tasks.tasksPartialUpdate({ id, patchedTaskRequest: { title: "" } }));
  const found = await tasks.tasksList({ q: "plants" });
  const done = await tasks.tasksCompleteCreate({ id });
  const gone = await tasks.tasksDestroyRaw({ id });
  console.log(
    JSON.stringify([
      changed.title,
      changed.version,
      stale,
      wrong === 400 ? "title" : wrong,
      found.results.length,
      done.completed,
      gone.raw.status,
    ]),
  );
}

void main();
