// The test's page: Uppy as it comes from npm, driven by the test through `window.trial`.
import Uppy from "@uppy/core";
import AwsS3 from "@uppy/aws-s3";
import GoldenRetriever from "@uppy/golden-retriever";
import Tus from "@uppy/tus";

const way = new URLSearchParams(location.search).get("way");
const uppy = new Uppy({ id: way });
const trial = { uploaded: 0, share: 0, done: false, response: null, error: "", refused: null, restored: false, uppy };
window.trial = trial;

uppy.use(GoldenRetriever, { indexedDB: { maxFileSize: 64 * 1024 * 1024 } });
if (way === "tus") uppy.use(Tus, { endpoint: "/files/", withCredentials: true, chunkSize: 512 * 1024 });
if (way === "s3") uppy.use(AwsS3, { companionEndpoint: "/api/v1", shouldUseMultipart: true });
// S3's parts say nothing of the file's size; told at the start, a file that is too large is refused before it is sent.
uppy.on("file-added", (file) => uppy.setFileMeta(file.id, { size: file.size }));

uppy.on("upload-progress", (_file, progress) => {
  trial.uploaded = progress.bytesUploaded;
  trial.share = progress.bytesUploaded / progress.bytesTotal;
});
uppy.on("upload-success", (_file, response) => {
  trial.response = { address: response.uploadURL, body: JSON.stringify(response.body) };
  trial.done = true;
});
uppy.on("upload-error", (_file, error) => {
  trial.refused = { status: error.originalResponse?.getStatus(), body: error.originalResponse?.getBody() };
  trial.error = String(error);
});
uppy.on("restored", () => (trial.restored = true));

document.querySelector("input").addEventListener("change", (event) => {
  const [file] = event.target.files;
  uppy.addFile({ name: file.name, type: file.type, data: file });
});
trial.begin = () => void uppy.upload();
trial.pause = () => uppy.pauseAll();
trial.resume = () => uppy.resumeAll();
trial.goOn = () => uppy.emit("restore-confirmed");
trial.ready = true;
