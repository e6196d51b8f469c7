// Recordings on this device until the server has acknowledged them: a reload, a crash or an empty battery loses none of it.
const DATABASE = "holdfast-recordings";
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("recordings", { keyPath: "id" });
      request.result.createObjectStore("pieces", { keyPath: ["id", "offset"] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/** Run `work(store)` over both stores in one transaction; resolves with its request's result once that is safely on the disk. */
async function transact(mode, work) {
  const transaction = (await open()).transaction(["recordings", "pieces"], mode, { durability: "strict" });
  const request = work((name) => transaction.objectStore(name));
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  return request?.result;
}

const allOf = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);

/** @param {{id: string, owner: string, name: string, type: string, key: string, seconds: number, size: number}} recording */
export const write = (recording) => transact("readwrite", (store) => store("recordings").put(recording));

/** A piece, and how far the recording is with it, in one step. */
export const add = (recording, offset, blob) =>
  transact("readwrite", (store) => {
    store("pieces").put({ id: recording.id, offset, blob });
    store("recordings").put(recording);
  });

/** The server has everything before `offset`: pieces that lie wholly before it can go. */
export async function acknowledged(id, offset) {
  const pieces = await transact("readonly", (store) => store("pieces").getAll(allOf(id)));
  const gone = pieces.filter((piece) => piece.offset + piece.blob.size <= offset);
  if (gone.length) await transact("readwrite", (store) => void gone.forEach((piece) => store("pieces").delete([id, piece.offset])));
}

export const forget = (id) =>
  transact("readwrite", (store) => {
    store("recordings").delete(id);
    store("pieces").delete(allOf(id));
  });

export async function ofOwner(owner) {
  const all = await transact("readonly", (store) => store("recordings").getAll());
  return all.filter((recording) => recording.owner === owner);
}

/** What is kept of a recording, in order and without a gap. */
export async function piecesOf(id) {
  const pieces = await transact("readonly", (store) => store("pieces").getAll(allOf(id)));
  const end = pieces.findIndex((piece, index) => index > 0 && piece.offset !== pieces[index - 1].offset + pieces[index - 1].blob.size);
  return end < 0 ? pieces : pieces.slice(0, end);
}

/** Hold a recording for this tab until it is closed. False while another tab holds it. */
export function hold(id) {
  return new Promise((resolve) => {
    navigator.locks.request(`${DATABASE}-${id}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => {});
    });
  });
}
