// tus-js-client, unmodified, as a page would use it: sends a file, stops in the middle if told to, goes on from the stored address.
import { createRequire } from "node:module";
import { createReadStream, statSync } from "node:fs";
const require = createRequire(process.argv[2] + "/");
const tus = require("tus-js-client");
const [, , , endpoint, token, path, uploadUrl, stopAt] = process.argv;

const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  uploadUrl: uploadUrl || null,
  uploadSize: statSync(path).size,
  chunkSize: 256 * 1024,
  retryDelays: [0, 100, 300, 1000],
  storeFingerprintForResuming: false,
  headers: token ? { Authorization: `Token ${token}` } : {},
  metadata: { filename: "film.bin", filetype: "application/octet-stream" },
  onError(error) {
    console.log(JSON.stringify({ error: String(error) }));
    process.exit(1);
  },
  onProgress() {},
  onChunkComplete(size, accepted) {
    if (Number(stopAt) && accepted >= Number(stopAt)) {
      upload.abort();
      console.log(JSON.stringify({ url: upload.url, accepted }));
      process.exit(0);
    }
  },
  onSuccess() {
    console.log(JSON.stringify({ url: upload.url, done: true }));
    process.exit(0);
  },
});
upload.start();
