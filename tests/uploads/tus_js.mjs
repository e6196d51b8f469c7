// tus-js-client, unmodified. Arguments: folder of node modules, then what to do as JSON; prints one JSON object.
import { createRequire } from "node:module";
import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";

const require = createRequire(process.argv[2] + "/");
const tus = require("tus-js-client");
const { path, stopAt = 0, deferred = false, storage = "", terminate = "", options } = JSON.parse(process.argv[3]);
const seen = [];

function finish(found, status = 0) {
  console.log(JSON.stringify({ seen, ...found }));
  process.exit(status);
}

if (terminate) {
  await tus.Upload.terminate(terminate, { headers: options.headers });
  finish({ terminated: true });
}

// Of its sources under Node.js, the one for files never says that it is at the end of a file sent in several chunks. Where the client
// needs to hear it (a length told late, Upload-Complete of the draft), it gets a stream or a buffer.
function source() {
  if (deferred) return createReadStream(path).pipe(new PassThrough());
  return options.protocol ? readFileSync(path) : createReadStream(path);
}

// With several parts the client keeps the addresses once each part has its own: before that there is nothing to go on from.
function stored() {
  if (!storage) return true;
  try {
    return Object.keys(JSON.parse(readFileSync(storage, "utf8"))).length > 0;
  } catch {
    return false; // it is being written
  }
}

const upload = new tus.Upload(source(), {
  retryDelays: [0, 100, 300, 1000],
  ...options,
  ...(deferred ? { uploadLengthDeferred: true } : {}),
  ...(storage ? { urlStorage: new tus.FileUrlStorage(storage), fingerprint: async () => `of ${path}` } : { storeFingerprintForResuming: false }),
  onBeforeRequest(request) {
    seen.push(request.getMethod());
  },
  onError: (error) => finish({ error: String(error) }, 1),
  onChunkComplete(_size, accepted) {
    if (stopAt && accepted >= stopAt && stored()) upload.abort().then(() => finish({ url: upload.url, accepted }));
  },
  onSuccess: (payload) => finish({ url: upload.url, done: true, status: payload?.lastResponse?.getStatus() }),
});
if (storage) {
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
}
upload.start();
