/** Results as Arrow, for those that are too large, or too exact, for JSON. */
import { RecordBatchReader, Type, Vector, type Data, type DataType, type Decimal, type RecordBatch, type Timestamp } from 'apache-arrow';
import type { ColumnKind, ResultRows } from './rows';

export interface ArrowRows extends ResultRows {
  /** There was more than was read. */
  isCut: boolean;
}

/** Reads batches until there are `limit` rows. */
export async function readArrow(body: ReadableStream<Uint8Array>, limit: number, onrows: (count: number) => void): Promise<ArrowRows> {
  const reader = await RecordBatchReader.from(body);
  await reader.open();
  // At the end the reader forgets it.
  const { schema } = reader;
  const batches: RecordBatch[] = [];
  const ends: number[] = [];
  let count = 0;
  let isCut = false;
  for await (const batch of reader) {
    if (batch.numRows === 0) continue;
    if (count >= limit) {
      isCut = true;
      break;
    }
    batches.push(batch);
    count += batch.numRows;
    ends.push(count);
    onrows(count);
  }
  if (isCut) await reader.cancel();
  const columns = schema.fields.map((field) => ({
    name: field.name,
    type: String(field.type),
    kind: kindOfArrow(field.type),
  }));
  const value = (row: number, column: number) => {
    const index = firstAbove(ends, row);
    const data = batches[index]?.data.children[column];
    return data ? valueAt(data, row - (index === 0 ? 0 : ends[index - 1]!)) : null;
  };
  return { columns, count: Math.min(count, limit), value, isCut: isCut || count > limit };
}

/** The index of the first end that is greater than the row. */
function firstAbove(ends: readonly number[], row: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > row) high = middle;
    else low = middle + 1;
  }
  return low;
}

function kindOfArrow(type: DataType): ColumnKind {
  switch (type.typeId) {
    case Type.Int:
    case Type.Float:
    case Type.Decimal:
      return 'number';
    case Type.Timestamp:
      return 'time';
    case Type.Bool:
      return 'boolean';
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      return 'binary';
    case Type.List:
    case Type.FixedSizeList:
    case Type.Struct:
    case Type.Map:
      return 'nested';
    default:
      return 'text';
  }
}

/** With all digits, unlike the getters of the library, which make milliseconds of times. */
function valueAt(data: Data, index: number): unknown {
  if (!data.getValid(index)) return null;
  const { type } = data;
  switch (type.typeId) {
    case Type.Int:
      return asNumber(data.values[index]);
    case Type.Timestamp:
      return timeText(BigInt(data.values[index]), (type as Timestamp).unit);
    case Type.Decimal:
      return decimalText(data.values as Uint32Array, index, type as Decimal);
    case Type.List: {
      const [start, end] = [Number(data.valueOffsets[index]), Number(data.valueOffsets[index + 1])];
      return Array.from({ length: end - start }, (_, offset) => valueAt(data.children[0]!, start + offset));
    }
    case Type.Map: {
      const [start, end] = [data.valueOffsets[index]!, data.valueOffsets[index + 1]!];
      const [keys, values] = data.children[0]!.children;
      return Object.fromEntries(
        Array.from({ length: end - start }, (_, offset) => [String(valueAt(keys!, start + offset)), valueAt(values!, start + offset)]),
      );
    }
    case Type.Struct:
      return Object.fromEntries(data.children.map((child, at) => [type.children[at]!.name, valueAt(child, index)]));
    default:
      return plain(new Vector([data]).get(index), type);
  }
}

function plain(value: unknown, type: DataType): unknown {
  if (value instanceof Uint8Array) return [...value].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (type.typeId === Type.Date) return new Date(Number(value)).toISOString().slice(0, 10);
  if (typeof value === 'bigint') return asNumber(value);
  return typeof value === 'object' && value !== null ? String(value) : value;
}

function asNumber(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** In a second: of seconds, milliseconds, microseconds, nanoseconds. */
const PER_SECOND = [1n, 1000n, 1_000_000n, 1_000_000_000n];

function timeText(value: bigint, unit: number): string {
  const perSecond = PER_SECOND[unit]!;
  const fraction = ((value % perSecond) + perSecond) % perSecond;
  const seconds = Number((value - fraction) / perSecond);
  const nanos = String((fraction * 1_000_000_000n) / perSecond).padStart(9, '0');
  return new Date(seconds * 1000).toISOString().replace('.000Z', `.${nanos}Z`);
}

function decimalText(words: Uint32Array, index: number, { bitWidth, scale }: Decimal): string {
  const count = bitWidth / 32;
  let value = 0n;
  for (let at = count - 1; at >= 0; at -= 1) value = (value << 32n) | BigInt(words[index * count + at]!);
  value = BigInt.asIntN(count * 32, value);
  if (scale <= 0) return String(value * 10n ** BigInt(-scale));
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
