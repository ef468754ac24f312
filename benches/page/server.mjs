/** A throwaway server with flows to look at. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Starts the binary on ports that are free. */
export async function startServer(binary) {
  const directory = mkdtempSync(join(tmpdir(), "spandrel-page-"));
  const file = join(directory, "addresses.json");
  const any = "127.0.0.1:0";
  const child = spawn(
    binary,
    ["serve", "--data-dir", join(directory, "data"), "--set", "self_telemetry=false", "--otlp-grpc", any, "--otlp-http", any]
      .concat(["--http", any, "--addresses-file", file]),
    { stdio: "ignore" },
  );
  for (let tries = 0; !existsSync(file); tries += 1) {
    if (tries === 300) throw new Error("the server did not start in 30 s");
    await sleep(100);
  }
  const { http, otlp_http: otlp } = JSON.parse(readFileSync(file, "utf8"));
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  return { http: `http://${http}`, otlp: `http://${otlp}`, pid: child.pid, stop };
}

/** Posts until it is taken; a server under load asks to wait. */
export async function post(url, body, type = "application/json") {
  const init = { method: "POST", headers: { "content-type": type }, body: typeof body === "string" ? body : JSON.stringify(body) };
  for (;;) {
    const answer = await fetch(url, init);
    if (answer.ok) return;
    if (answer.status !== 503) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`);
    await sleep(200);
  }
}
