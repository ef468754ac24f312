/** Findings that say the same of one service, such as a failure that reaches several entries. */

interface Groupable {
  kind: string;
  subkind: string | null;
  service_name: string | null;
}

/** In the order of the first of each group; `alike` come after it in theirs. */
export function groupFindings<Finding extends Groupable>(findings: readonly Finding[]): { first: Finding; alike: Finding[] }[] {
  const groups = new Map<string, { first: Finding; alike: Finding[] }>();
  for (const finding of findings) {
    const key = [finding.kind, finding.subkind, finding.service_name].join('\n');
    const group = groups.get(key);
    if (group && finding.service_name !== null) group.alike.push(finding);
    else groups.set(group ? `${key}\n${groups.size}` : key, { first: finding, alike: [] });
  }
  return [...groups.values()];
}
