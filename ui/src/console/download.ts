/** The whole result of a statement as a file. */
import { openStatement } from '../api/client';

export interface FileFormat {
  label: string;
  extension: string;
  mediaType: string;
}

export const FILE_FORMATS: readonly FileFormat[] = [
  { label: 'CSV', extension: 'csv', mediaType: 'text/csv' },
  { label: 'NDJSON', extension: 'ndjson', mediaType: 'application/x-ndjson' },
  { label: 'Arrow', extension: 'arrows', mediaType: 'application/vnd.apache.arrow.stream' },
  { label: 'JSON', extension: 'json', mediaType: 'application/json' },
];

export async function download(sql: string, format: FileFormat, signal: AbortSignal): Promise<void> {
  const response = await openStatement(sql, format.mediaType, signal);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = `spandrel-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${format.extension}`;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the address after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
