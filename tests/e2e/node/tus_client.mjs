// One upload with the real tus-js-client. Reads a JSON document from the command line:
//   endpoint, file           where to, what
//   options                  handed to tus.Upload (chunkSize, uploadLengthDeferred, ...)
//   abortAfter               bytes sent after which the upload is terminated (DELETE)
// and prints one JSON line: {url, sent, errors}, with `terminated` or `error` where that is so.
import fs from "node:fs";
import { PassThrough } from "node:stream";
import * as tus from "tus-js-client";

const job = JSON.parse(process.argv[2]);
const result = { url: null, sent: 0, errors: 0 };

function finish(more) {
  process.stdout.write(JSON.stringify({ ...result, ...more }) + "\n");
  process.exit(more.error ? 1 : 0);
}

// Who defers the length does not know the file's: of a file the client would announce whole chunks.
const file = fs.createReadStream(job.file);
const stream = job.options.uploadLengthDeferred ? file.pipe(new PassThrough()) : file;
const upload = new tus.Upload(stream, {
  endpoint: job.endpoint,
  retryDelays: Array(60).fill(100),
  metadata: { filename: "data.bin", filetype: "application/x-test" },
  ...job.options,
  onShouldRetry: (error) => {
    result.errors += 1;
    const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
    return status === 0 || status >= 500 || status === 409 || status === 423;
  },
  onProgress: (sent) => {
    result.sent = Math.max(result.sent, sent);
    if (job.abortAfter === undefined || sent < job.abortAfter || result.aborted) return;
    result.aborted = true;
    result.url = upload.url;
    upload.abort(true).then(
      () => finish({ terminated: true }),
      (error) => finish({ error: String(error) }),
    );
  },
  onError: (error) => finish({ error: String(error) }),
  onSuccess: () => finish({ url: upload.url }),
});
upload.start();
