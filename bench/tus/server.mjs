// @tus/server with @tus/s3-store, as its documentation sets it up: what the benchmark compares with.
//   node server.mjs PORT STORE_PORT
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from '@tus/server';
import { S3Store } from '@tus/s3-store';

const [port, storePort] = process.argv.slice(2).map(Number);

const server = new Server({
  path: '/files',
  // The object has the client's name, so that its bytes can be found and compared.
  namingFunction: (request) => request.headers.get('x-bench-name'),
  datastore: new S3Store({
    partSize: 8 * 1024 * 1024,
    s3ClientConfig: {
      bucket: 'bench',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${storePort}`,
      forcePathStyle: true,
      credentials: { accessKeyId: 'bench', secretAccessKey: 'bench-secret' },
      // Otherwise bodies come in aws-chunked, which the sink does not undo; it only makes this rival cheaper.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    },
  }),
});

const http = createServer((request, answer) => server.handle(request, answer));
http.requestTimeout = 0; // slow clients are part of the work
http.headersTimeout = 600_000;
http.listen(port, '127.0.0.1', 4096);
await once(http, 'listening');
