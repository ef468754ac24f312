/** What the reader sees of a flow: the selection, what is folded, the part of the time, what is searched. All in the address. */
import { untrack } from 'svelte';
import type { QueryValues } from '../routes';
import { router } from '../state/router.svelte';
import { clampZoom, readShown, readView, readZoom, writeShown, writeZoom, type ViewName } from './address';
import { rowsOfSpans, type CriticalPath } from './critical';
import type { LaidOut } from './flow.worker';
import type { Zoom } from './paint';
import { PHANTOM, SPAN } from './records';
import { findRows, recordKey } from './search';
import { deepestOpen, firstFrom, openedTo, positionOf, toggle, visibleRows, type Shown } from './visible';

/** Writing to the address waits this long, so that walking and panning stay smooth. */
const ADDRESS_DELAY_MS = 250;
const NOTHING: Shown = { hidden: new Set(), depth: undefined, toggled: new Set() };

export class FlowView {
  #flow: () => LaidOut | undefined;
  #path: () => CriticalPath | undefined;
  selected = $state<number>();
  zoom = $state.raw<Zoom>({ fromNs: 0, toNs: 0 });
  shown = $state.raw<Shown>(NOTHING);
  wanted = $state('');
  /** Ids of spans that have what is searched in an attribute; attributes are with the server. */
  inAttributes = $state.raw<ReadonlySet<string>>(new Set());
  name = $state<ViewName>('waterfall');
  /** To be brought into view; a new object each time. */
  revealed = $state.raw<{ row: number }>();
  #pending: QueryValues = {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  visible = $derived.by(() => (this.flow ? visibleRows(this.flow.tree, this.shown) : new Int32Array(0)));
  matches = $derived.by(() => (this.flow ? findRows(this.flow.tree, this.flow.records, this.wanted, this.inAttributes) : new Int32Array(0)));
  isZoomed = $derived.by(() => this.zoom.fromNs > 0 || this.zoom.toNs < this.lengthNs);

  /** While a component is set up. */
  constructor(flow: () => LaidOut | undefined, path: () => CriticalPath | undefined) {
    this.#flow = flow;
    this.#path = path;
    $effect.pre(() => {
      const query = router.query;
      if (this.flow) untrack(() => this.#read(query));
    });
    $effect(() => () => clearTimeout(this.#timer));
  }

  get flow(): LaidOut | undefined {
    return this.#flow();
  }

  get path(): CriticalPath | undefined {
    return this.#path();
  }

  get lengthNs(): number {
    return this.flow?.tree.lengthOfAllNs ?? 0;
  }

  select(row: number | undefined): void {
    this.selected = row;
    this.#write(this.#keyOf(row));
  }

  /** Selects a row, opens what hides it, and brings it into view. */
  reveal(row: number): void {
    const { flow } = this;
    if (!flow) return;
    this.select(row);
    const hidden = new Set(this.shown.hidden);
    const wasHidden = hidden.delete(flow.tree.type[row]!);
    const shown = wasHidden ? { ...this.shown, hidden } : this.shown;
    const toggled = openedTo(flow.tree, row, shown);
    if (wasHidden || toggled !== shown.toggled) this.show({ ...shown, toggled });
    this.revealed = { row };
  }

  show(shown: Shown): void {
    this.shown = shown;
    this.#write(writeShown(shown));
  }

  toggleRow(row: number): void {
    this.show({ ...this.shown, toggled: toggle(this.shown.toggled, row) });
  }

  /** `undefined`: nothing is folded. */
  foldFrom(depth: number | undefined): void {
    this.show({ ...this.shown, depth, toggled: new Set() });
  }

  foldOneMore(): void {
    if (this.flow) this.foldFrom(Math.max(0, deepestOpen(this.flow.tree, this.shown)));
  }

  openOneMore(): void {
    if (this.shown.depth === undefined || !this.flow) return;
    const next = { ...this.shown, depth: this.shown.depth + 1 };
    this.foldFrom(deepestOpen(this.flow.tree, next) < this.shown.depth ? undefined : next.depth);
  }

  hide(type: number, isHidden: boolean): void {
    const hidden = new Set(this.shown.hidden);
    if (isHidden) hidden.add(type);
    else hidden.delete(type);
    this.show({ ...this.shown, hidden });
  }

  setZoom(zoom: Zoom): void {
    this.zoom = clampZoom(zoom, this.lengthNs);
    this.#write({ zoom: writeZoom(this.zoom, this.lengthNs) });
  }

  /** By a factor, about a place of the window: 0 is its left edge, 1 its right one. */
  zoomBy(factor: number, about = 0.5): void {
    const length = this.zoom.toNs - this.zoom.fromNs;
    const center = this.zoom.fromNs + length * about;
    this.setZoom({ fromNs: center - length * factor * about, toNs: center + length * factor * (1 - about) });
  }

  /** By a part of the window. */
  panBy(part: number): void {
    const step = (this.zoom.toNs - this.zoom.fromNs) * part;
    this.setZoom({ fromNs: this.zoom.fromNs + step, toNs: this.zoom.toNs + step });
  }

  zoomToRow(row: number): void {
    const { tree } = this.flow!;
    const room = Math.max(tree.lengthNs[row]! * 0.04, 500);
    this.setZoom({ fromNs: tree.fromNs[row]! - room, toNs: tree.fromNs[row]! + tree.lengthNs[row]! + room });
  }

  search(wanted: string): void {
    this.wanted = wanted;
    this.#write({ q: wanted.trim() === '' ? null : wanted });
  }

  nextMatch(step: 1 | -1): void {
    const { matches } = this;
    if (matches.length === 0) return;
    const from = firstFrom(matches, this.selected ?? -1);
    const isOnMatch = matches[from] === this.selected;
    const next = step === 1 ? from + Number(isOnMatch) : from - 1;
    this.#jump(matches[(next + matches.length) % matches.length]!);
  }

  /** The next row that failed, around the end. */
  nextFailure(): void {
    const tree = this.flow?.tree;
    if (!tree) return;
    for (let step = 1; step <= tree.count; step += 1) {
      const row = ((this.selected ?? -1) + step) % tree.count;
      if (tree.failed[row] === 1) return this.#jump(row);
    }
  }

  move(step: number): void {
    if (this.visible.length === 0) return;
    const at = this.selected === undefined ? -1 : positionOf(this.visible, this.selected);
    const next = at === -1 ? 0 : Math.min(this.visible.length - 1, Math.max(0, at + step));
    this.reveal(this.visible[next]!);
  }

  chooseView(name: ViewName): void {
    this.name = name;
    this.#write({ view: name === 'waterfall' ? null : name });
  }

  /** To a row that may be anywhere: the time follows where it would be out of sight. */
  #jump(row: number): void {
    this.reveal(row);
    const { fromNs, lengthNs } = this.flow!.tree;
    const [from, to] = [fromNs[row]!, fromNs[row]! + lengthNs[row]!];
    if (to >= this.zoom.fromNs && from <= this.zoom.toNs) return;
    const length = this.zoom.toNs - this.zoom.fromNs;
    this.setZoom({ fromNs: (from + to - length) / 2, toNs: (from + to + length) / 2 });
  }

  #keyOf(row: number | undefined): QueryValues {
    const none = { span: null, record: null };
    if (row === undefined || !this.flow) return none;
    const { tree, records } = this.flow;
    if (tree.type[row] === PHANTOM) return { ...none, span: tree.phantomIds[-1 - tree.record[row]!]! };
    if (tree.type[row] === SPAN) return { ...none, span: records.spanIds[tree.record[row]!]! };
    return { ...none, record: recordKey(tree, row) };
  }

  #write(values: QueryValues): void {
    this.#pending = { ...this.#pending, ...values };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const pending = this.#pending;
      this.#pending = {};
      router.setQuery(pending, { replace: true });
    }, ADDRESS_DELAY_MS);
  }

  #read(query: URLSearchParams): void {
    if (Object.keys(this.#pending).length > 0) return;
    const { tree } = this.flow!;
    this.name = readView(query.get('view'));
    const isOtherSearch = this.wanted !== (query.get('q') ?? '');
    this.wanted = query.get('q') ?? '';
    // What the page itself has written is there already: only another address costs a look at all rows.
    if (!isWritten(writeShown(this.shown), query)) this.shown = readShown(query);
    this.zoom = readZoom(query.get('zoom'), tree.lengthOfAllNs);
    if (isWritten(this.#keyOf(this.selected), query)) {
      if (isOtherSearch && this.selected === undefined) this.#showMatch();
      return;
    }
    const row = this.#rowOf(query);
    if (row === this.selected) return;
    this.selected = row;
    if (row === undefined) return;
    this.shown = { ...this.shown, toggled: openedTo(tree, row, this.shown) };
    this.revealed = { row };
  }

  /** What an address looks for is brought into view, what failed of it first. */
  #showMatch(): void {
    const { tree } = this.flow!;
    const row = this.matches.find((match) => tree.failed[match] === 1) ?? this.matches[0];
    if (row === undefined) return;
    this.shown = { ...this.shown, toggled: openedTo(tree, row, this.shown) };
    this.revealed = { row };
  }

  #rowOf(query: URLSearchParams): number | undefined {
    const { tree, records } = this.flow!;
    const spanId = query.get('span');
    if (spanId) {
      const phantom = tree.phantomIds.indexOf(spanId);
      const row = phantom === -1 ? rowsOfSpans(tree, records).get(spanId) : tree.record.indexOf(-1 - phantom);
      return row;
    }
    const position = /^[a-z]+\.(\d+)$/.exec(query.get('record') ?? '')?.[1];
    if (position === undefined) return undefined;
    const row = tree.record.indexOf(Number(position));
    return row !== -1 && recordKey(tree, row) === query.get('record') ? row : undefined;
  }
}

function isWritten(values: QueryValues, query: URLSearchParams): boolean {
  return Object.entries(values).every(([name, value]) => query.get(name) === (value ?? null));
}
