/** Serves a built page (`ui/dist`) in front of a server, so that no binary has to be made for a change of the page. */
import { createReadStream, existsSync } from "node:fs";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** @param {string} dist @param {string} target Address of the server that answers `/api`. */
export async function serveBuilt(dist, target) {
  const server = createServer((incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, target);
    if (pathname.startsWith("/api/")) return pass(incoming, outgoing, target);
    const path = join(dist, normalize(pathname));
    const file = extname(path) !== "" && existsSync(path) ? path : join(dist, "index.html");
    outgoing.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(outgoing);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

function pass(incoming, outgoing, target) {
  const { method, headers, url } = incoming;
  const passed = request(new URL(url, target), { method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  passed.on("error", (error) => outgoing.writeHead(502).end(String(error)));
  incoming.pipe(passed);
}
