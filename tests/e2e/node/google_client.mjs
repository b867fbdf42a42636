// One upload with the real @google-cloud/storage. Reads a JSON document from the command line:
//   endpoint, bucket, name, file   where to, what
//   options                        of createWriteStream (resumable, chunkSize, ...)
// and prints one JSON line: {metadata}, or {error}.
import fs from "node:fs";
import { pipeline } from "node:stream/promises";
import { IdempotencyStrategy, Storage } from "@google-cloud/storage";

const job = JSON.parse(process.argv[2]);
const storage = new Storage({
  apiEndpoint: job.endpoint,
  projectId: "test",
  retryOptions: {
    idempotencyStrategy: IdempotencyStrategy.RetryAlways,
    maxRetryDelay: 2,
    maxRetries: 30,
    totalTimeout: 100,
  },
});
const file = storage.bucket(job.bucket).file(job.name);
try {
  await pipeline(fs.createReadStream(job.file), file.createWriteStream(job.options));
  process.stdout.write(JSON.stringify({ metadata: file.metadata }) + "\n");
} catch (error) {
  process.stdout.write(JSON.stringify({ error: String(error.stack) }) + "\n");
  process.exitCode = 1;
}
