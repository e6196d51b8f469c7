// tus-js-client, unmodified, in its further ways: parts side by side, a length told late, the IETF draft; each from start to success.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
const require = createRequire(process.argv[2] + "/");
const tus = require("tus-js-client");
const [, , , endpoint, token, path, way] = process.argv;
const ways = {
  parallel: { parallelUploads: 4, metadataForPartialUploads: {} },
  deferred: { uploadLengthDeferred: true, chunkSize: 300 * 1024 },
  draft: { protocol: "ietf-draft-05", chunkSize: 300 * 1024 },
  "draft-whole": { protocol: "ietf-draft-05" },
  "with-body": { uploadDataDuringCreation: true, chunkSize: 300 * 1024 },
};
// Buffers and plain streams, as pages have blobs and recorders: its source for files never says that the last chunk is the last.
const bytes = readFileSync(path);
const pieces = function* () {
  for (let start = 0; start < bytes.length; start += 100_000) yield bytes.subarray(start, start + 100_000);
};
const input = way === "deferred" ? Readable.from(pieces(), { objectMode: false }) : bytes;

const upload = new tus.Upload(input, {
  endpoint,
  retryDelays: [0, 100, 300],
  storeFingerprintForResuming: false,
  headers: { Authorization: `Token ${token}` },
  metadata: { filename: "film.mp4", filetype: "video/mp4" },
  ...ways[way],
  onError(error) {
    console.log(JSON.stringify({ error: String(error) }));
    process.exit(1);
  },
  onSuccess() {
    console.log(JSON.stringify({ url: upload.url }));
    process.exit(0);
  },
});
upload.start();
