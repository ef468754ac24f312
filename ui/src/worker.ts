/** Workers under the Content-Security-Policy, which takes their addresses only from this policy. */

interface Policy {
  createScriptURL: (url: string) => string;
}

interface Factory {
  createPolicy: (name: string, rules: Policy) => Policy;
}

let policy: Policy | undefined;

/** `import url from './layout.worker?worker&url'`, then `startWorker(url)`. */
export function startWorker(url: string): Worker {
  return new Worker(trusted(url), { type: 'module' });
}

function trusted(url: string): string {
  const factory = (window as { trustedTypes?: Factory }).trustedTypes;
  if (!factory) return url;
  policy ??= factory.createPolicy('spandrel-worker', { createScriptURL: ownScript });
  return policy.createScriptURL(url);
}

function ownScript(url: string): string {
  const { origin } = new URL(url, window.location.href);
  if (origin !== window.location.origin) throw new TypeError(`${url} is not a script of this page`);
  return url;
}
