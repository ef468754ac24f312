/** A request as a line for a shell. */

export function curlLine(source: { url: string; body?: string }, origin: string): string {
  const url = shellQuote(new URL(source.url, origin).href);
  if (source.body === undefined) return `curl -sS ${url}`;
  return `curl -sS ${url} -H 'content-type: application/json' -d ${shellQuote(source.body)}`;
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
