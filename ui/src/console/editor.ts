/** The editor: CodeMirror, to be imported when it is shown. */
import { autocompletion, closeBrackets, completionKeymap, acceptCompletion, type Completion, type CompletionContext } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, toggleComment } from '@codemirror/commands';
import { sql, type SQLNamespace } from '@codemirror/lang-sql';
import { bracketMatching } from '@codemirror/language';
import { Compartment, EditorState, Prec, StateEffect, StateField, type Extension } from '@codemirror/state';
import { Decoration, drawSelection, EditorView, keymap, lineNumbers, placeholder, type DecorationSet } from '@codemirror/view';
import type { Place } from './error-place';
import { DataFusion } from './dialect';
import { look } from './editor-look';
import { PLACEHOLDERS } from './placeholders';
import type { Schema } from './schema';

export interface Editor {
  text: () => string;
  setText: (text: string) => void;
  /** At the cursor. */
  insert: (text: string) => void;
  setSchema: (schema: Schema) => void;
  mark: (place: Place | undefined) => void;
  focus: () => void;
  destroy: () => void;
}

export interface EditorEvents {
  onrun: () => void;
  onchange: (text: string) => void;
}

/**
 * In a shadow tree, where CodeMirror has style sheets of its own; in the document it would add style elements, which the
 * Content-Security-Policy forbids.
 */
export function createEditor(host: HTMLElement, text: string, events: EditorEvents): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const language = new Compartment();
  const state = EditorState.create({ doc: text, extensions: [extensions(events), language.of(languageOf(undefined))] });
  const view = new EditorView({ state, parent: root, root });
  return {
    text: () => view.state.doc.toString(),
    setText: (next) => {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    insert: (piece) => {
      view.dispatch(view.state.replaceSelection(piece));
      view.focus();
    },
    setSchema: (schema) => view.dispatch({ effects: language.reconfigure(languageOf(schema)) }),
    mark: (place) => view.dispatch({ effects: markPlace.of(place) }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function extensions({ onrun, onchange }: EditorEvents): Extension {
  const run = () => {
    onrun();
    return true;
  };
  return [
    Prec.highest(keymap.of([{ key: 'Mod-Enter', run }, { key: 'Mod-/', run: toggleComment }, { key: 'Tab', run: acceptCompletion }])),
    keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
    history(),
    lineNumbers(),
    drawSelection(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': 'SQL statement', spellcheck: 'false', autocapitalize: 'off' }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onchange(update.state.doc.toString());
    }),
    placeholder('SELECT …'),
    typeOverSelection,
    marked,
    look,
  ];
}

/**
 * Chromium, left to replace a selection by itself, gives the new text a style attribute, which the Content-Security-Policy
 * refuses with an error in the console.
 */
const typeOverSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== 'insertText' || event.isComposing || text === null || empty) return false;
    const insert = () => view.state.update({ ...view.state.replaceSelection(text), userEvent: 'input.type', scrollIntoView: true });
    if (!view.state.facet(EditorView.inputHandler).some((handler) => handler(view, from, to, text, insert))) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

function languageOf(schema: Schema | undefined): Extension {
  const namespace: SQLNamespace = Object.fromEntries((schema?.tables ?? []).map((table) => [table.name, table.columns.map(columnCompletion)]));
  const support = sql({ dialect: DataFusion, schema: namespace, upperCaseKeywords: true });
  const functions = (schema?.functions ?? []).map(
    ({ name, signature, does, isTable }): Completion => ({
      label: name,
      type: 'function',
      detail: signature.startsWith(name) ? signature.slice(name.length) : signature,
      info: does,
      apply: `${name}(`,
      boost: isTable ? 2 : 0,
    }),
  );
  const others: Completion[] = PLACEHOLDERS.map(({ name, means }) => ({ label: name, type: 'variable', detail: means }));
  const complete = (context: CompletionContext) => {
    const word = context.matchBefore(/[$\w]+/);
    if (!word && !context.explicit) return null;
    // Behind a dot stand columns.
    if (context.matchBefore(/\.\w*/)) return null;
    return { from: word?.from ?? context.pos, options: [...functions, ...others], validFor: /^[$\w]*$/ };
  };
  return [support, support.language.data.of({ autocomplete: complete })];
}

/** A column whose name is a word of SQL has to be quoted. */
const WORDS = new Set(['view', 'timeout', 'end', 'start', 'order', 'group', 'user', 'table', 'references']);

function columnCompletion({ name, type }: { name: string; type: string }): Completion {
  return { label: name, type: 'property', detail: type, ...(WORDS.has(name) ? { apply: `"${name}"` } : {}) };
}

const markPlace = StateEffect.define<Place | undefined>();
const wrong = Decoration.mark({ class: 'cm-wrong', attributes: { title: 'The error is here' } });

const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(markPlace)) continue;
      const place = effect.value;
      const isInside = place && place.from < place.to && place.to <= transaction.newDoc.length;
      return isInside ? Decoration.set(wrong.range(place.from, place.to)) : Decoration.none;
    }
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});
