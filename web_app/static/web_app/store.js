// A small store in IndexedDB, which the page and its service worker share.
//
// `session`: the tokens of the sign-in, and the subscription of this device.
// `actions`: buttons of notifications that were pressed without a network, until they have been sent.

const STORES = { session: {}, actions: { autoIncrement: true } };

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function within(name, mode, work) {
  const opening = indexedDB.open("todo", 1);
  opening.onupgradeneeded = () => {
    for (const [store, options] of Object.entries(STORES)) opening.result.createObjectStore(store, options);
  };
  const database = await settled(opening);
  try {
    return await work(database.transaction(name, mode).objectStore(name));
  } finally {
    database.close();
  }
}

export const load = (name, key) => within(name, "readonly", (store) => settled(store.get(key)));

/** Without a key, a new one is made. */
export const save = (name, value, key) => within(name, "readwrite", (store) => settled(store.put(value, key)));

export const remove = (name, key) => within(name, "readwrite", (store) => settled(store.delete(key)));

export const entries = (name) =>
  within(name, "readonly", async (store) => {
    const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
    return keys.map((key, index) => [key, values[index]]);
  });
