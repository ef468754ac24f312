/** What a chart over time shows. */

export interface ChartSeries {
  label: string;
  /** One for each time; null is a gap. */
  values: readonly (number | null)[];
  /** A CSS colour, best of a token: `var(--service-3)`. Without one each series gets a colour and a dash of its own. */
  color?: string;
  dash?: readonly number[];
  /** `step` and `bars` last from one time to the next. */
  shape?: 'line' | 'area' | 'step' | 'bars';
}

/** The space between two series, by their labels. */
export interface ChartBand {
  upper: string;
  lower: string;
}

/** Something that happened at a time, such as a deploy. */
export interface ChartMarker {
  timeMs: number;
  label: string;
  color?: string;
}

export interface DrawnSeries extends ChartSeries {
  color: string;
  dash: readonly number[];
}

const COLORS = [0, 6, 1, 3, 2, 7, 4, 5, 9, 8].map((index) => `var(--service-${index})`);
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/** Series that are given no colour differ by dash as well. */
export function styleSeries(series: readonly ChartSeries[]): DrawnSeries[] {
  return series.map((item, index) => ({
    ...item,
    color: item.color ?? COLORS[index % COLORS.length]!,
    dash: item.dash ?? (item.shape === 'bars' ? [] : DASHES[index % DASHES.length]!),
  }));
}
