/** The shape of a sparkline. What is not known is a gap; a point on its own is a dot. */

export interface SparkPaths {
  line: string;
  area: string;
}

export function sparkPaths(values: readonly (number | null)[], width: number, height: number, max?: number): SparkPaths {
  const top = max ?? Math.max(0, ...values.filter((value) => value !== null));
  const x = (index: number) => round(values.length < 2 ? width / 2 : (index / (values.length - 1)) * width);
  const y = (value: number) => round(height - 1 - (top === 0 ? 0 : Math.min(value / top, 1) * (height - 2)));
  let line = '';
  let area = '';
  for (const run of runsOf(values)) {
    const points = run.map(({ index, value }) => `${x(index)} ${y(value)}`);
    line += `M${points.join('L')}${run.length === 1 ? 'h.01' : ''}`;
    area += `M${x(run[0]!.index)} ${height}L${points.join('L')}L${x(run.at(-1)!.index)} ${height}Z`;
  }
  return { line, area };
}

function runsOf(values: readonly (number | null)[]): { index: number; value: number }[][] {
  const runs: { index: number; value: number }[][] = [];
  let wasKnown = false;
  for (const [index, value] of values.entries()) {
    if (value !== null) {
      if (!wasKnown) runs.push([]);
      runs.at(-1)!.push({ index, value });
    }
    wasKnown = value !== null;
  }
  return runs;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
